"""The way of a row without Redis: observed, folded, packed, added up, analysed, and written as a message."""

from collections.abc import Iterable, Mapping, Sequence

from turnout.drift.v1.result_pb2 import DriftResult
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.drift.analysis import analyse
from services.drift.baselines import Baseline, measure_columns
from services.drift.buckets import Bucket, Cover, cover
from services.drift.cells.blob import Profile, decode, empty, encode
from services.drift.folding import add, bounded
from services.drift.observed import records_of
from services.drift.placing import place
from services.drift.rows import Rows
from services.drift.wire import read_baseline, write_baseline
from services.drift.wire_result import Analysis, write_result
from services.state.packed import packed_event

NOW = 1_760_000_000.0
WINDOW = cover(NOW - 86_400, NOW + 60, NOW)


def baseline_of(
    numeric: Mapping[str, Sequence[float]],
    categorical: Mapping[str, Sequence[str | None]],
    importance: Mapping[str, float] | None = None,
) -> Baseline:
    """A baseline of columns, as it is after it was stored and read again. Raises InvalidArgument."""
    rows, features = measure_columns(numeric, categorical, importance or {})
    made = Baseline("uid", "one", "models/churn", "model-uid", rows, features, NOW)
    return read_baseline(
        type(write_baseline(made, False)).FromString(write_baseline(made, False).SerializeToString())
    )


def observed(events: Iterable[PredictionEvent]) -> list[Rows]:
    """The rows that the profiler sees of events."""
    return records_of([packed_event(event.SerializeToString()) for event in events])


def stored(baseline: Baseline, rows: Sequence[Rows], entry: str = "1-0") -> dict[str, bytes]:
    """The buckets that the rows are counted in, as they lie in Redis."""
    folded = add(baseline, {}, place({entry: rows}, NOW))
    return {bucket.name: encode(bounded(baseline, profile)) for bucket, profile in folded.items()}


def window_of(baseline: Baseline, blobs: Mapping[str, bytes], window: Cover = WINDOW) -> Profile:
    """The sum of the buckets that the window covers."""
    total = empty(baseline.sizes)
    for name, blob in blobs.items():
        if Bucket.named(name.encode()) in window:
            total = total.plus(decode(blob, baseline.sizes))
    return bounded(baseline, total)


def told(baseline: Baseline, profile: Profile) -> DriftResult:
    """What Analyze answers, after it was stored and read again."""
    found = write_result(Analysis("r", baseline, WINDOW, analyse(baseline, profile), NOW))
    return DriftResult.FromString(found.SerializeToString())
