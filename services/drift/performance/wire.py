"""A history as it is told."""

from collections.abc import Iterable, Mapping

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import performance_pb2 as rpc

from services.drift.performance.estimates import Estimate
from services.drift.performance.figures import OfLabels, Tally, figures_of
from services.drift.performance.history import Row
from services.drift.performance.query import SECONDS, Query
from services.state.latency import quantile
from services.state.parts import part_of
from services.state.qualities import LOST_LABELS, LOST_SUMS

PERCENTILES = (("latency_p50_ms", 0.5), ("latency_p95_ms", 0.95), ("latency_p99_ms", 0.99))
_ESTIMATES = ("accuracy", "log_loss", "brier", "mae", "rmse", "bias", "error_rate")
_LOST = {
    LOST_LABELS: "accuracy, precision, recall and F1",
    LOST_SUMS: "log-loss, Brier score and errors",
}


def write_point(
    query: Query, row: Row, tally: Tally, now: float, routers: Mapping[str, str], *, whole: bool = False
) -> rpc.PerformancePoint:
    """One point; routers: names by uid; whole: of all steps together."""
    figures = figures_of(tally, query.positive, query.z)
    end = query.last if whole else row.start + SECONDS[query.step]
    point = rpc.PerformancePoint(
        start_time=Timestamp(seconds=row.start),
        end_time=Timestamp(seconds=end),
        partial=end > now,
        router=routers.get(row.router, row.router),
        variant=row.variant,
        predictions=tally.rows,
        labelled=figures.labelled,
        coverage=min(figures.labelled / tally.rows, 1.0) if tally.rows else None,
        labels=figures.labels,
        scored=figures.scored,
        numbers=figures.numbers,
        calls=tally.calls,
    )
    if row.segment:
        point.segment.name, point.segment.value = part_of(row.segment)
    for name in _ESTIMATES:
        _write(getattr(point, name), getattr(figures, name))
    _write_labels(point.macro, figures.macro)
    _write_labels(point.positive, figures.positive)
    for name, share in PERCENTILES if tally.cells else ():
        setattr(point, name, quantile(tally.cells, share))
    return point


def warnings_of(tallies: Iterable[Tally]) -> list[str]:
    """What is not told, and why."""
    lost = set().union(*(tally.lost for tally in tallies))
    return [
        f"there were too many labels, variants and segments at once to count all: {said} of those points are "
        "left out"
        for name, said in _LOST.items()
        if name in lost
    ]


def _write(field: rpc.Estimate, estimate: Estimate | None) -> None:
    if estimate is None:
        return
    field.value = estimate.value
    if estimate.low is not None and estimate.high is not None:
        field.low, field.high = estimate.low, estimate.high


def _write_labels(field: rpc.LabelFigures, figures: OfLabels | None) -> None:
    if figures is None:
        return
    _write(field.precision, figures.precision)
    _write(field.recall, figures.recall)
    _write(field.f1, figures.f1)
