"""Results and baselines as tables of a terminal."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from turnout.drift.v1.baseline_pb2 import Baseline
from turnout.drift.v1.result_pb2 import (
    DRIFT_STATUS_ALERT,
    DRIFT_STATUS_INSUFFICIENT_DATA,
    DRIFT_STATUS_OK,
    DRIFT_STATUS_WARNING,
    DriftResult,
    FeatureDrift,
)

from services.cli.drift.statuses import status
from services.cli.numbers import given, id_of, moment, p_value, percent, plural, score
from services.cli.sparkline import sparkline
from services.cli.speech import plain
from services.cli.tables import name, show

__all__ = ["baselines_view", "judged", "name", "result_view", "results_view", "show"]

STYLE: Mapping[int, str] = {
    DRIFT_STATUS_OK: "green",
    DRIFT_STATUS_WARNING: "yellow",
    DRIFT_STATUS_ALERT: "bold red",
    DRIFT_STATUS_INSUFFICIENT_DATA: "magenta",
}
# Rows of a table on a terminal; JSON and the report have them all.
MOST_FEATURES = 50


def judged(state: int) -> Text:
    """A status, in its colour where there are colours."""
    return Text(status(state), style=STYLE.get(state, ""))


def result_view(result: DriftResult) -> RenderableType:
    """The verdict, what it rests on, and the features."""
    head = Text.assemble(judged(result.status), "  ", plain(result.summary))
    overall = score(given(result, "overall_score"))
    against = plain(result.reference or result.baseline)
    window = f"{moment(result.start_time)} to {moment(result.end_time)} UTC, {plural(result.rows, 'row')}"
    facts = [
        f"{plain(result.model)} against {against} ({plural(result.baseline_rows, 'row')})",
        f"window {window}; overall score {overall}",
    ]
    if result.HasField("segment"):
        facts.append(plain(f"segment {result.segment.name} = {result.segment.value}"))
    parts: list[RenderableType] = [head, *(Text(line, style="dim") for line in facts)]
    parts += [Text(f"! {plain(line)}", style="yellow") for line in result.warnings]
    parts.append(_features(result.features))
    if (left := len(result.features) - MOST_FEATURES) > 0:
        parts.append(
            Text(f"and {plural(left, 'feature')} more: -o json, or turnout drift report", style="dim")
        )
    if result.looks > 1:
        told = f"look {result.looks} within 24 hours: false alarms add up over looks, and a schedule's do not"
        parts.append(Text(told, style="dim"))
    parts.append(Text(plain(result.name), style="dim"))
    return Group(*parts)


def _features(features: Sequence[FeatureDrift]) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("feature", overflow="fold")
    table.add_column("status")
    for heading in ("PSI", "p", "missing", "outside"):
        table.add_column(heading, justify="right")
    table.add_column("baseline", no_wrap=True)
    table.add_column("now", no_wrap=True)
    for one in features[:MOST_FEATURES]:
        table.add_row(*_feature(one))
    return table


def _feature(one: FeatureDrift) -> Iterable[RenderableType]:
    # One scale for both, or a flat new world would look like a lively one.
    top = max((max(part.baseline_share, part.current_share) for part in one.bins), default=0.0)
    return (
        name(one.feature),
        judged(one.status),
        score(given(one, "psi")),
        p_value(given(one, "adjusted_p_value")),
        percent(one.missing_share),
        percent(one.out_of_range_share),
        Text(sparkline([part.baseline_share for part in one.bins], top), style="dim"),
        Text(sparkline([part.current_share for part in one.bins], top), style=STYLE.get(one.status, "")),
    )


def results_view(model: str, results: Sequence[DriftResult]) -> RenderableType:
    """Results, newest first, and how the overall score went."""
    if not results:
        return Text(f"{plain(model)}: no results")
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for heading, justify in (("analysed (UTC)", "left"), ("status", "left"), ("score", "right")):
        table.add_column(heading, justify="right" if justify == "right" else "left", overflow="fold")
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("most shifted", overflow="fold")
    # One copies it.
    table.add_column("result", no_wrap=True)
    for one in results:
        worst = name(one.features[0].feature) if one.features else ""
        overall = score(given(one, "overall_score"))
        words = (moment(one.create_time), judged(one.status), overall, f"{one.rows:,}", worst)
        table.add_row(*words, id_of(one.name))
    scores = [given(one, "overall_score") for one in reversed(results)]
    return Group(table, Text(f"overall score, oldest to newest: {sparkline(scores)}", style="dim"))


def baselines_view(model: str, baselines: Sequence[Baseline]) -> RenderableType:
    """Baselines, newest first."""
    if not baselines:
        return Text(f"{plain(model)}: no baselines")
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for heading in ("baseline", "active", "counted", "created (UTC)"):
        table.add_column(heading)
    for heading in ("rows", "features"):
        table.add_column(heading, justify="right")
    table.add_column("description", overflow="fold")
    for one in baselines:
        uses = ("yes" if one.active else "", "yes" if one.counted else "")
        words = (id_of(one.name), *uses, moment(one.create_time), f"{one.rows:,}")
        table.add_row(*map(plain, words), str(len(one.features)), name(one.description))
    return table
