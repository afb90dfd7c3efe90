"""`turnout routers watch`: every change of a router, and how many replicas serve it."""

import json

import typer
from rich.text import Text
from turnout.router.v1 import router_service_pb2 as rpc

from services.cli import tables
from services.cli.connecting import Suite, carry_out
from services.cli.numbers import moment
from services.cli.options import RouterServer, Shape
from services.cli.routers import describing
from services.cli.routers.options import Name
from services.cli.speech import Output, document, plain

# Who watches does so until he stops.
A_DAY = 86_400.0


def watch(name: Name, server: RouterServer = None, output: Shape = Output.TABLE) -> None:
    """Follow a router until Ctrl-C: a line for it as it is, and for every change; with -o json, a document to
    a line."""

    async def follow(suite: Suite) -> None:
        async for said in suite.follow("WatchRouter", rpc.WatchRouterRequest(name=name), A_DAY):
            if output is Output.TABLE:
                tables.print_lines(line(said))
            else:
                # A YAML or JSON document would only be whole at the end, and there is none.
                typer.echo(json.dumps(document(said)))

    carry_out("routers", server, follow)


def line(said: rpc.WatchRouterResponse) -> Text:
    """A change in a line."""
    router = said.router
    told = Text.assemble(
        f"{moment(router.update_time)}  generation {router.generation}  ", describing.state(router)
    )
    told.append(f"  {describing.strategy(router)}  {said.replicas_serving} of {said.replicas} replicas")
    if router.state_message:
        told.append(f"  {plain(router.state_message)}", style="red")
    return told
