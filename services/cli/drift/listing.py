"""`turnout drift baselines`: what a model may be compared with."""

from typing import Annotated

import typer
from turnout.drift.v1.baseline_pb2 import Baseline

from services.cli.connecting import Suite, carry_out
from services.cli.drift import asking, tables
from services.cli.drift.options import Model, Server
from services.cli.options import Shape
from services.cli.speech import Output, document, tell


def baselines(
    model: Model,
    most: Annotated[int, typer.Option("--most", "-n", min=1, max=1000, help="How many, newest first.")] = 50,
    server: Server = None,
    output: Shape = Output.TABLE,
) -> None:
    """List the baselines of a model, newest first."""

    async def listed(suite: Suite) -> list[Baseline]:
        return await asking.baselines(suite, model, most)

    found = carry_out("drift", server, listed)
    if output is Output.TABLE:
        tables.show(tables.baselines_view(model, found))
    else:
        tell([document(one) for one in found], output)
