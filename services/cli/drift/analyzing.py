"""`turnout drift analyze`: a window against the baseline, now."""

from typing import Annotated

import typer
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest
from turnout.drift.v1.result_pb2 import (
    CORRECTION_BONFERRONI,
    DRIFT_STATUS_INSUFFICIENT_DATA,
    DRIFT_STATUS_OK,
    DriftResult,
)

from services.cli.connecting import Suite, carry_out
from services.cli.drift import tables
from services.cli.drift.options import ExitCode, Model, Piece, Server, segment_of
from services.cli.options import From, Last, Shape, To, put_window
from services.cli.speech import Output, document, tell

DRIFTS, CANNOT_SAY = 3, 4

Features = Annotated[
    list[str] | None, typer.Option("--feature", "-f", help="Only this feature; may be given again.")
]
Against = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL", help="Compare with what this model saw in the window, not with a baseline."
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Compare with this baseline, not with the active one."),
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
    baseline: Reference = None,
    bonferroni: Bonferroni = False,
    server: Server = None,
    output: Shape = Output.TABLE,
    exit_code: ExitCode = False,
) -> None:
    """Compare what a model sees with its active baseline: the last hour, or the window that is asked for."""
    request = AnalyzeRequest(
        model=model,
        features=feature,
        segment=segment_of(segment),
        reference_model=against,
        baseline=baseline,
    )
    if bonferroni:
        request.correction = CORRECTION_BONFERRONI
    put_window(request, last, start, end)

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
