"""`turnout routers create`: one router of a file."""

from typing import Annotated, Any

import typer
from turnout.router.v1 import router_service_pb2 as rpc

from services.cli.connecting import Suite, carry_out
from services.cli.declared.changes import fresh_id
from services.cli.declared.kinds import RUNNING
from services.cli.declared.single import single
from services.cli.options import RouterServer, Shape
from services.cli.routers import looking
from services.cli.routers.options import DryRun
from services.cli.speech import Output


def create(
    file: Annotated[
        str, typer.Option("--file", "-f", metavar="FILE|-", help="YAML or JSON with the router's fields.")
    ],
    name: Annotated[str, typer.Argument(help="Its id; may stand in the file instead.")] = "",
    deploy: Annotated[
        bool, typer.Option("--deploy", help="Deploy it too, as the file's state may say.")
    ] = False,
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Create a router; one of that name is refused, where turnout apply would change it."""
    wanted = single("routers", {"name": name} if name else {}, file)
    request = rpc.CreateRouterRequest(router=wanted.message, validate_only=dry_run, request_id=fresh_id())

    async def made(suite: Suite) -> tuple[Any, list[str]]:
        reply = await suite.ask("CreateRouter", request)
        if dry_run or not (deploy or wanted.given.get("state") == RUNNING):
            return reply.router, list(reply.warnings)
        asked = rpc.DeployRouterRequest(name=reply.router.name, request_id=fresh_id())
        return (await suite.ask("DeployRouter", asked)).router, list(reply.warnings)

    router, warnings = carry_out("routers", server, made)
    looking.show(router, output, warnings)
