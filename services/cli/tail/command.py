"""`turnout tail`."""

import os
from typing import Annotated

import typer
from turnout.router.v1 import router_service_pb2 as rpc

from services.cli.complaints import USAGE, fail
from services.cli.completing import routers as known
from services.cli.connecting import Visit, visit
from services.cli.options import RouterServer, Shape
from services.cli.speech import Output
from services.cli.tail.condition import Condition
from services.cli.tail.following import Following
from services.cli.tail.printing import printer
from services.foundation.expressions import BadExpression

HELP = "Predictions as they are made, one line each: who answered what, how fast, and why."


def tail(
    routers: Annotated[
        list[str] | None,
        typer.Argument(help="The routers; all that you may see where none is named.", autocompletion=known),
    ] = None,
    variant: Annotated[str, typer.Option(help="Only predictions that drew this variant.")] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    degraded: Annotated[
        bool, typer.Option("--degraded", help="Only those not answered as was wanted.")
    ] = False,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="CEL", help="Only where this is true, such as \"latency_ms > 50.0 && variant == 'b'\"."
        ),
    ] = None,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="End after so many.")] = None,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Follow predictions until Ctrl-C; -o json writes one object per line, with the whole manifest.

    A router that restarts is waited for; what was predicted meanwhile follows, marked with ~.
    """
    if failed and degraded:
        raise typer.BadParameter("--failed and --degraded exclude each other")
    outcome = (
        rpc.PREDICTION_OUTCOME_FAILED if failed else rpc.PREDICTION_OUTCOME_DEGRADED if degraded else None
    )
    try:
        condition = Condition(where) if where else None
    except BadExpression as wrong:
        fail(f"--where {wrong}", USAGE)
    wanted = rpc.WatchPredictionsRequest(variant=variant, outcome=outcome)

    async def followed(suite: Visit) -> None:
        following = Following(suite, wanted, condition)
        try:
            await following.run(routers or [], printer(output), count)
        except BrokenPipeError:
            # Whoever read has seen enough. Python would try again, and complain, when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    visit(server, followed)
