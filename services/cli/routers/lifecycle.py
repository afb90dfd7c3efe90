"""`turnout routers deploy`, `stop`, `start`, `delete` and `undelete`."""

from datetime import timedelta
from typing import Annotated, Any

import typer
from turnout.router.v1 import router_pb2
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.cli import durations
from services.cli.confirming import confirmed
from services.cli.connecting import ERROR, Suite, carry_out
from services.cli.declared.changes import fresh_id
from services.cli.options import RouterServer, Shape, Yes
from services.cli.routers import looking
from services.cli.routers.options import DryRun, Etag, Name
from services.cli.speech import Output

Wait = Annotated[
    timedelta | None,
    typer.Option(parser=durations.duration, metavar="TIME", help="How long to wait for replicas: 10s, 2m."),
]


def deploy(
    name: Name,
    wait: Wait = None,
    etag: Etag = "",
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Bring a router to every replica, and wait until they serve it. Ends with 1 when one cannot."""
    request = rpc.DeployRouterRequest(name=name, etag=etag, validate_only=dry_run, request_id=fresh_id())
    if wait:
        request.wait.FromTimedelta(wait)
    seconds = 30 + (wait.total_seconds() if wait else 10)
    router = _done("DeployRouter", request, server, seconds)
    looking.show(router, output)
    if router.state == router_pb2.ROUTER_STATE_FAILED:
        raise typer.Exit(ERROR)


def stop(
    name: Name,
    yes: Yes = False,
    etag: Etag = "",
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Take a router out of service; its configuration stays."""
    if not dry_run:
        confirmed(f"Stop {name}? It answers nothing until it is started again.", yes=yes)
    request = rpc.StopRouterRequest(name=name, etag=etag, validate_only=dry_run, request_id=fresh_id())
    looking.show(_done("StopRouter", request, server), output)


def start(
    name: Name,
    etag: Etag = "",
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Bring a stopped router back."""
    request = rpc.StartRouterRequest(name=name, etag=etag, validate_only=dry_run, request_id=fresh_id())
    looking.show(_done("StartRouter", request, server), output)


def delete(
    name: Name,
    yes: Yes = False,
    etag: Etag = "",
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Delete a router, which stops it first; turnout routers undelete brings it back for 30 days."""
    if not dry_run:
        confirmed(f"Delete {name}?", yes=yes)
    request = rpc.DeleteRouterRequest(name=name, etag=etag, validate_only=dry_run, request_id=fresh_id())
    looking.show(_done("DeleteRouter", request, server), output)


def undelete(
    name: Name, dry_run: DryRun = False, server: RouterServer = None, output: Shape = Output.TABLE
) -> None:
    """Bring a deleted router back, stopped."""
    request = rpc.UndeleteRouterRequest(name=name, validate_only=dry_run, request_id=fresh_id())

    async def change(suite: Suite) -> Any:
        return await suite.ask("UndeleteRouter", request, 60.0)

    reply = carry_out("routers", server, change)
    looking.show(reply.router, output, reply.warnings)


def _done(method: str, request: Any, server: str | None, seconds: float = 60.0) -> Router:
    async def change(suite: Suite) -> Router:
        router: Router = (await suite.ask(method, request, seconds)).router
        return router

    return carry_out("routers", server, change)
