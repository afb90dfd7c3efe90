"""`turnout routers watch`: every change of a router, and how many replicas serve it."""

import asyncio
import json

import typer
from rich.text import Text
from turnout.router.v1 import router_service_pb2 as rpc

from services.cli import tables
from services.cli.complaints import say
from services.cli.connecting import Suite, carry_out
from services.cli.numbers import moment
from services.cli.options import RouterServer, Shape
from services.cli.routers import describing
from services.cli.routers.options import Name
from services.cli.speech import Output, document, plain
from services.cli.tail.following import FIRST_WAIT, LONGEST_WAIT, PASSING
from services.foundation import wording
from services.foundation.errors import RemoteError

# Who watches does so until he stops.
A_DAY = 86_400.0


def watch(name: Name, server: RouterServer = None, output: Shape = Output.TABLE) -> None:
    """Follow a router until Ctrl-C: a line for it as it is, and for every change; with -o json, a document to
    a line."""

    async def follow(suite: Suite) -> None:
        told, wait = False, FIRST_WAIT
        while True:
            try:
                async for said in suite.follow("WatchRouter", rpc.WatchRouterRequest(name=name), A_DAY):
                    told, wait = True, FIRST_WAIT
                    show(said, output)
            except RemoteError as failed:
                # Whoever never heard a word has the wrong address, more likely than a restart.
                if not told or failed.code not in PASSING:
                    raise
                say(f"{wording.plain(failed.message)}; waiting for it to come back")
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    carry_out("routers", server, follow)


def show(said: rpc.WatchRouterResponse, output: Output) -> None:
    """A line for a change; a document in a line for programs, as a whole one would have no end."""
    if output is Output.TABLE:
        tables.print_lines(line(said))
    else:
        typer.echo(json.dumps(document(said)))


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
