"""`turnout routers manifest`: who took part in a prediction of before, and why."""

from typing import Annotated, Any

import typer
from rich.console import Group
from rich.text import Text
from turnout.router.v1 import router_service_pb2 as rpc

from services.cli import tables
from services.cli.connecting import Suite, carry_out
from services.cli.options import RouterServer, Shape
from services.cli.speech import Output, document, plain, tell
from services.cli.told import manifests


def manifest(
    prediction: Annotated[str, typer.Argument(metavar="PREDICTION", help="The prediction's id.")],
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Show the account of a prediction: the decision, everybody who took part, what it cost and took."""

    async def read(suite: Suite) -> Any:
        request = rpc.GetPredictionRequest(prediction_id=prediction)
        return (await suite.ask("GetPrediction", request)).prediction

    found = carry_out("routers", server, read).event.manifest
    if output is Output.TABLE:
        head = Text(f"{plain(found.prediction_id)} of {plain(found.router)}, generation {found.generation}")
        tables.show(Group(head, manifests.view(found)))
    else:
        tell(document(found), output)
