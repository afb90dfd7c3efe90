"""`turnout drift results` and `turnout drift result`: analyses of before."""

from typing import Annotated

import typer
from turnout.drift.v1 import result_pb2 as drift
from turnout.drift.v1.result_pb2 import DriftResult, DriftStatus

from services.cli.connecting import Suite, carry_out
from services.cli.drift import analyzing, asking, tables
from services.cli.drift.options import ExitCode, Model, Server
from services.cli.options import Shape, one_of
from services.cli.speech import Output, document, tell

STATUSES: dict[str, DriftStatus] = {
    "ok": drift.DRIFT_STATUS_OK,
    "warning": drift.DRIFT_STATUS_WARNING,
    "alert": drift.DRIFT_STATUS_ALERT,
    "insufficient-data": drift.DRIFT_STATUS_INSUFFICIENT_DATA,
}


def results(
    model: Model,
    status: Annotated[
        str | None, typer.Option(metavar="|".join(STATUSES), help="Only results of this status.")
    ] = None,
    most: Annotated[int, typer.Option("--most", "-n", min=1, max=1000, help="How many, newest first.")] = 20,
    server: Server = None,
    output: Shape = Output.TABLE,
) -> None:
    """List the results of a model, newest first."""
    wanted = one_of(STATUSES, status, "--status")

    async def listed(suite: Suite) -> list[DriftResult]:
        return await asking.newest(suite, model, most, wanted)

    found = carry_out("drift", server, listed)
    if output is Output.TABLE:
        tables.show(tables.results_view(model, found))
    else:
        tell([document(one) for one in found], output)


def result(
    name: Annotated[
        str, typer.Argument(help="The result, as models/ID/results/ID; a model alone: its latest one.")
    ],
    server: Server = None,
    output: Shape = Output.TABLE,
    exit_code: ExitCode = False,
) -> None:
    """Show one result, with every feature."""

    async def read(suite: Suite) -> DriftResult:
        return await (asking.named if "/results/" in name else asking.latest)(suite, name)

    analyzing.show(carry_out("drift", server, read), output, exit_code=exit_code)
