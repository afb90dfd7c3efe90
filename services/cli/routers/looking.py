"""`turnout routers list` and `get`."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router, RouterState

from services.cli import tables
from services.cli.connecting import Suite, carry_out
from services.cli.numbers import moment
from services.cli.options import RouterServer, Shape, one_of
from services.cli.routers import describing
from services.cli.routers.options import Name
from services.cli.speech import Output, document, plain, tell

STATES: dict[str, Any] = {
    name.removeprefix("ROUTER_STATE_").lower(): RouterState.Value(name)
    for name, number in RouterState.items()
    if number
}


def list_(
    state: Annotated[str | None, typer.Option(metavar="|".join(STATES), help="Only those in it.")] = None,
    tag: Annotated[str, typer.Option(help="Only routers with this tag.")] = "",
    model: Annotated[str, typer.Option(help="Only routers that use this model.")] = "",
    strategy: Annotated[str, typer.Option(help="Only those of this strategy, as canary or bandit.")] = "",
    owner: Annotated[str, typer.Option(help="Only routers of this user.")] = "",
    deleted: Annotated[bool, typer.Option("--deleted", help="Those too that were deleted.")] = False,
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="How many, by name.")] = 1000,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """List the routers that you may see."""
    request = rpc.ListRoutersRequest(
        state=one_of(STATES, state, "--state"),
        tag=tag,
        model=model,
        strategy=strategy,
        owner=owner,
        show_deleted=deleted,
    )

    async def listed(suite: Suite) -> list[Router]:
        return await suite.listed("ListRouters", "routers", request, most)

    found = carry_out("routers", server, listed)
    if output is Output.TABLE:
        tables.show(rows(found) if found else Text("no routers"))
    else:
        tell([document(one) for one in found], output)


def get(name: Name, server: RouterServer = None, output: Shape = Output.TABLE) -> None:
    """Show a router: its state, its strategy, its variants and their shares."""

    async def read(suite: Suite) -> Router:
        found: Router = (await suite.ask("GetRouter", rpc.GetRouterRequest(name=name))).router
        return found

    show(carry_out("routers", server, read), output)


def show(router: Router, output: Output, warnings: Sequence[str] = ()) -> None:
    """A router as it was read or written, and what there is to know of a change."""
    if output is not Output.TABLE:
        return tell(document(router), output)
    told = (Text(f"! {plain(one)}", style="yellow") for one in warnings)
    return tables.show(Group(describing.view(router), *told))


def rows(routers: Sequence[Router]) -> RenderableType:
    """A row each."""
    table = tables.columns("router", "state", "strategy", "variants", "changed (UTC)", "gen.", right=1)
    for one in routers:
        table.add_row(
            tables.name(one.name.partition("/")[2]),
            describing.state(one),
            describing.strategy(one),
            tables.name(", ".join(variant.id for variant in one.variants)),
            moment(one.update_time),
            str(one.generation),
        )
    return table
