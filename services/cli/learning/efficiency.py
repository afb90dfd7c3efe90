"""`turnout efficiency`: what the answers of an ensemble cost, and what they might have cost."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text
from turnout.aggregator.v1.aggregator_service_pb2 import (
    GetRoutingEfficiencyRequest,
    GetRoutingEfficiencyResponse,
    MemberEfficiency,
)

from services.cli import rooms, tables
from services.cli.completing import routers
from services.cli.connecting import Suite, carry_out
from services.cli.learning.panels import without
from services.cli.numbers import ABSENT, given, percent, plural
from services.cli.options import AggregatorServer, From, Last, Shape, To, put_window
from services.cli.speech import Output, document, plain, tell
from services.cli.told.manifests import cost

HELP = "What the answers of an ensemble cost, and what they might have cost."


def efficiency(
    router: Annotated[
        str, typer.Argument(help="The router, as jury or routers/jury.", autocompletion=routers)
    ],
    last: Last = None,
    start: From = None,
    end: To = None,
    server: AggregatorServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Show how often a cheaper member alone would have said the same, and what that would have saved."""
    request = GetRoutingEfficiencyRequest(router=router)
    put_window(request, last, start, end)

    async def read(suite: Suite) -> GetRoutingEfficiencyResponse:
        found: GetRoutingEfficiencyResponse = await suite.ask("GetRoutingEfficiency", request)
        return found

    found = carry_out("aggregator", server, read)
    if output is Output.TABLE:
        tables.show(view(router, found))
    else:
        tell(document(found), output)


def view(router: str, found: GetRoutingEfficiencyResponse) -> RenderableType:
    """The sum in a sentence or two, each member alone, and what the numbers advise."""
    if not found.panels:
        return without(router, found.advice)
    told = [plural(found.panels, "full panel")]
    if found.HasField("mean_cost"):
        told.append(f"an answer costs {cost(found.mean_cost)}")
    if found.HasField("avoidable_share"):
        told.append(f"for {percent(found.avoidable_share)} a cheaper member alone would have said the same")
    if found.HasField("avoidable_right_share"):
        told.append(f"for {percent(found.avoidable_right_share)} of those with truth it was right as well")
    if found.HasField("mean_saving"):
        told.append(f"that is {cost(found.mean_saving)} per answer")
    table = tables.columns(
        "member", "panels", "cost", "same answer", "right", "verdict right", "labelled", right=6
    )
    for one in found.members:
        table.add_row(*_member(one))
    return Group(
        Text(plain(f"{router}: {'; '.join(told)}")), table, *(Text(plain(line)) for line in found.advice)
    )


def _member(one: MemberEfficiency) -> list[RenderableType]:
    shares = (given(one, name) for name in ("same_answer", "right", "verdict_right"))
    return [
        tables.name(one.variant),
        f"{one.panels:,}",
        cost(one.mean_cost) if one.HasField("mean_cost") else ABSENT,
        *(ABSENT if share is None else percent(share) for share in shares),
        f"{one.labelled:,}",
    ]


def application() -> typer.Typer:
    """The command."""
    return rooms.single(HELP, efficiency)
