"""`turnout routers history` and `rollback`."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from turnout.router.v1 import router_service_pb2 as rpc

from services.cli import tables
from services.cli.confirming import confirmed
from services.cli.connecting import Suite, carry_out
from services.cli.declared.changes import fresh_id
from services.cli.numbers import moment
from services.cli.options import RouterServer, Shape, Yes
from services.cli.routers import describing, looking
from services.cli.routers.options import DryRun, Etag, Name
from services.cli.speech import Output, document, plain, tell


def history(
    name: Name,
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="How many, newest first.")] = 20,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """List the configurations that a router has had: who made each, when, and what it changed."""

    async def listed(suite: Suite) -> list[Any]:
        request = rpc.ListRouterGenerationsRequest(name=name)
        return await suite.listed("ListRouterGenerations", "generations", request, most)

    found = carry_out("routers", server, listed)
    if output is Output.TABLE:
        tables.show(rows(found))
    else:
        tell([document(one) for one in found], output)


def rollback(
    name: Name,
    generation: Annotated[int, typer.Argument(help="The generation to go back to.", show_default=False)],
    yes: Yes = False,
    etag: Etag = "",
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Give a router the configuration of a former generation, as a new one."""
    if not dry_run:
        confirmed(f"Give {name} the configuration of its generation {generation}?", yes=yes)
    request = rpc.RollbackRouterRequest(
        name=name, generation=generation, etag=etag, validate_only=dry_run, request_id=fresh_id()
    )

    async def change(suite: Suite) -> Any:
        return (await suite.ask("RollbackRouter", request)).router

    looking.show(carry_out("routers", server, change), output)


def rows(generations: Sequence[rpc.RouterGeneration]) -> RenderableType:
    """A row each."""
    table = tables.columns("gen.", "time (UTC)", "by", "how", "strategy", "changed")
    for one in generations:
        fields = [field for field in one.changed_fields if field not in ("state", "endpoint")]
        told = ", ".join(fields or one.changed_fields)
        table.add_row(
            *(str(one.router.generation), moment(one.time), tables.name(one.changed_by or "–")),
            *(one.method.rpartition("/")[2], describing.strategy(one.router), plain(told)),
        )
    return table
