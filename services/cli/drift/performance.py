"""`turnout drift performance`: how right a model was over time."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from turnout.drift.v1 import performance_pb2 as quality
from turnout.drift.v1.concept_pb2 import ConceptSignal
from turnout.drift.v1.performance_pb2 import (
    GetPerformanceHistoryRequest,
    GetPerformanceHistoryResponse,
    PerformancePoint,
)

from services.cli.connecting import Suite, carry_out
from services.cli.drift import asking, tables
from services.cli.drift.figures import Figure, shown, value
from services.cli.drift.options import Model, Piece, Server, segment_of
from services.cli.numbers import moment, number, percent, plural
from services.cli.options import From, Last, Shape, To, each_of, one_of, put_window
from services.cli.sparkline import sparkline
from services.cli.speech import Output, document, plain, tell

STEPS = {
    "hourly": quality.PERFORMANCE_STEP_HOURLY,
    "daily": quality.PERFORMANCE_STEP_DAILY,
    "weekly": quality.PERFORMANCE_STEP_WEEKLY,
}
GROUPS = {
    "router": quality.PERFORMANCE_GROUP_ROUTER,
    "variant": quality.PERFORMANCE_GROUP_VARIANT,
    "segment": quality.PERFORMANCE_GROUP_SEGMENT,
}


def performance(
    model: Model,
    step: Annotated[str | None, typer.Option(metavar="|".join(STEPS), help="How long each row is.")] = None,
    last: Last = None,
    start: From = None,
    end: To = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="|".join(GROUPS), help="Rows of their own; may be given again."),
    ] = None,
    positive: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Precision, recall and F1 of this label.")
    ] = None,
    segment: Piece = None,
    server: Server = None,
    output: Shape = Output.TABLE,
) -> None:
    """Show how right a model was by the hour, the day or the week: what its labels say."""
    request = GetPerformanceHistoryRequest(
        model=model,
        step=one_of(STEPS, step, "--step"),
        group_by=each_of(GROUPS, by or [], "--by"),
        positive_label=positive,
        segment=segment_of(segment),
    )
    put_window(request, last, start, end)

    async def read(suite: Suite) -> GetPerformanceHistoryResponse:
        return await asking.performance(suite, request)

    found = carry_out("drift", server, read)
    if output is Output.TABLE:
        tables.show(view(found))
    else:
        tell(document(found), output)


def view(found: GetPerformanceHistoryResponse) -> RenderableType:
    """A row per step, and the trend of the figure that says most."""
    warnings = [Text(f"! {plain(line)}", style="yellow") for line in found.warnings]
    if not found.points:
        return Group(Text(f"{plain(found.model)}: no predictions in this time"), *warnings)
    figures = shown(found.points)
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("from (UTC)", no_wrap=True)
    for heading in ("predictions", "labelled", *(one.name for one in figures)):
        table.add_column(heading, justify="right")
    table.add_column("of")
    for point in found.points:
        table.add_row(*_row(point, figures))
    trend = []
    if figures and len(found.points) > 1:
        drawn = sparkline([value(point, figures[0]) for point in found.points])
        trend = [Text(f"{figures[0].name}, oldest to newest: {drawn}", style="dim")]
    return Group(table, *trend, *_signals(found), *warnings)


def _row(point: PerformancePoint, figures: Sequence[Figure]) -> list[RenderableType]:
    told: list[RenderableType] = [moment(point.start_time) + (" …" if point.partial else "")]
    told += [f"{point.predictions:,}", percent(point.coverage) if point.predictions else "–"]
    for one in figures:
        estimate, known = one.read(point), value(point, one)
        words = number(known)
        if known is not None and estimate.HasField("low") and estimate.HasField("high"):
            words += f" ({number(estimate.low)} to {number(estimate.high)})"
        told.append(words)
    parts = [point.router, point.variant]
    if point.HasField("segment"):
        parts.append(f"{point.segment.name}={point.segment.value}")
    return [*told, tables.name(" ".join(filter(None, parts)))]


def _signals(found: GetPerformanceHistoryResponse) -> list[Text]:
    loud = [one for one in found.concept.signals if one.alarms]
    return [
        Text(
            f"! {plain(one.detector)}: {_watched(one)} has changed; {plural(one.alarms, 'alarm')}, "
            f"the last at {moment(one.alarm_time)} UTC",
            style="bold red",
        )
        for one in loud
    ]


def _watched(one: ConceptSignal) -> str:
    return f"{plain(one.metric)} in {plain(one.router)}" if one.router else plain(one.metric)
