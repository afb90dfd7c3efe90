"""`turnout drift analyze`: a window against the baseline, now."""

from datetime import datetime, timedelta
from typing import Annotated

import typer
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest
from turnout.drift.v1.result_pb2 import (
    CORRECTION_BONFERRONI,
    DRIFT_STATUS_INSUFFICIENT_DATA,
    DRIFT_STATUS_OK,
    DriftResult,
)
from turnout.drift.v1.segment_pb2 import Segment

from services.cli.connecting import Suite, carry_out
from services.cli.drift import durations, tables
from services.cli.drift.options import ExitCode, Model, Server, Shape
from services.cli.speech import Output, document, tell

DRIFTS, CANNOT_SAY = 3, 4

Last = Annotated[
    timedelta | None,
    typer.Option(parser=durations.duration, metavar="TIME", help="Length of the window: 90m, 24h, 7d."),
]
From = Annotated[
    datetime | None,
    typer.Option("--from", parser=durations.moment, metavar="MOMENT", help="Start of the window; ISO 8601."),
]
To = Annotated[
    datetime | None,
    typer.Option("--to", parser=durations.moment, metavar="MOMENT", help="End of the window; default now."),
]
Features = Annotated[
    list[str] | None, typer.Option("--feature", "-f", help="Only this feature; may be given again.")
]
Piece = Annotated[
    str | None, typer.Option("--segment", metavar="NAME=VALUE", help="Only this part of the traffic.")
]
Against = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL", help="Compare with what this model saw in the window, not with a baseline."
    ),
]
Bonferroni = Annotated[
    bool, typer.Option("--bonferroni", help="Correct for any false alarm, not for their share.")
]


def analyze(
    model: Model,
    last: Last = None,
    start: From = None,
    end: To = None,
    feature: Features = None,
    segment: Piece = None,
    against: Against = None,
    bonferroni: Bonferroni = False,
    server: Server = None,
    output: Shape = Output.TABLE,
    exit_code: ExitCode = False,
) -> None:
    """Compare what a model sees with its active baseline: the last hour, or the window that is asked for."""
    request = AnalyzeRequest(
        model=model, features=feature, segment=_segment(segment), reference_model=against
    )
    if bonferroni:
        request.correction = CORRECTION_BONFERRONI
    _put_window(request, last, start, end)

    async def analysed(suite: Suite) -> DriftResult:
        found: DriftResult = (await suite.ask("Analyze", request)).result
        return found

    show(carry_out("drift", server, analysed), output, exit_code=exit_code)


def show(result: DriftResult, output: Output, *, exit_code: bool) -> None:
    """Print a result; end with what it says where the exit code shall say it."""
    if output is Output.TABLE:
        tables.show(tables.result_view(result))
    else:
        tell(document(result), output)
    if exit_code and result.status != DRIFT_STATUS_OK:
        raise typer.Exit(CANNOT_SAY if result.status == DRIFT_STATUS_INSUFFICIENT_DATA else DRIFTS)


def _put_window(
    request: AnalyzeRequest, last: timedelta | None, start: datetime | None, end: datetime | None
) -> None:
    if last and start:
        raise typer.BadParameter("--last and --from both say where the window starts; give one of them")
    if last:
        # The server's clock is the one that rows are counted by, but it does not take a length alone.
        end = end or datetime.now().astimezone()
        start = end - last
    if start:
        request.start_time.FromDatetime(start)
    if end:
        request.end_time.FromDatetime(end)


def _segment(text: str | None) -> Segment | None:
    if text is None:
        return None
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise typer.BadParameter(f"--segment {text!r}: write NAME=VALUE, such as region=north")
    return Segment(name=name, value=value)
