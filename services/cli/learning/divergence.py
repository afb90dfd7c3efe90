"""`turnout divergence`: how often the members of an ensemble differ."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from turnout.aggregator.v1.aggregator_service_pb2 import (
    GetDivergenceRequest,
    GetDivergenceResponse,
    PairDivergence,
)

from services.cli import rooms, tables
from services.cli.completing import routers
from services.cli.connecting import Suite, carry_out
from services.cli.learning.panels import without
from services.cli.numbers import ABSENT, given, number, percent, plural
from services.cli.options import AggregatorServer, From, Last, Shape, To, put_window
from services.cli.sparkline import sparkline
from services.cli.speech import Output, document, plain, tell

HELP = "How often the members of an ensemble differ, pair by pair."


def divergence(
    router: Annotated[
        str, typer.Argument(help="The router, as jury or routers/jury.", autocompletion=routers)
    ],
    last: Last = None,
    start: From = None,
    end: To = None,
    server: AggregatorServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Show how often each pair of members gave different answers: the last day, or the window asked for."""
    request = GetDivergenceRequest(router=router)
    put_window(request, last, start, end)

    async def read(suite: Suite) -> GetDivergenceResponse:
        found: GetDivergenceResponse = await suite.ask("GetDivergence", request)
        return found

    found = carry_out("aggregator", server, read)
    if output is Output.TABLE:
        tables.show(view(router, found))
    else:
        tell(document(found), output)


def view(router: str, found: GetDivergenceResponse) -> RenderableType:
    """The matrix of pairs, each member against the verdicts, and what the numbers advise."""
    if not found.panels:
        return without(router, found.advice)
    parts: list[RenderableType] = [
        Text(f"{plain(router)}: {plural(found.panels, 'full panel')}; {_legend(found)}")
    ]
    parts += [_matrix(found), _members(found)]
    shares = [given(one, "disagreement") for one in found.windows]
    if len(shares) > 1:
        parts.append(Text(f"by the hour, oldest to newest: {sparkline(shares)}", style="dim"))
    return Group(*parts, *(Text(plain(line)) for line in found.advice))


def _legend(found: GetDivergenceResponse) -> str:
    if any(one.HasField("disagreement") for one in found.pairs):
        return "share of rows on which two answered differently"
    if any(one.HasField("mean_difference") for one in found.pairs):
        return "mean difference of two members' numbers"
    return "mean cosine distance of two members' answers"


def _matrix(found: GetDivergenceResponse) -> Table:
    names: Sequence[str] = [one.variant for one in found.members]
    pairs: Mapping[frozenset[str], PairDivergence] = {
        frozenset((one.first, one.second)): one for one in found.pairs
    }
    table = tables.columns("", *(plain(name) for name in names), right=len(names))
    for name in names:
        cells = [ABSENT if name == other else _cell(pairs.get(frozenset((name, other)))) for other in names]
        table.add_row(tables.name(name), *cells)
    return table


def _cell(pair: PairDivergence | None) -> str:
    if pair is None:
        return ""
    if pair.HasField("disagreement"):
        return percent(pair.disagreement)
    return number(given(pair, "mean_difference" if pair.HasField("mean_difference") else "mean_distance"))


def _members(found: GetDivergenceResponse) -> Table:
    table = tables.columns("member", "panels", "against the verdict", "decisive", "accuracy", right=4)
    for one in found.members:
        shares = (given(one, name) for name in ("dissent", "pivotal", "accuracy"))
        told = (ABSENT if share is None else percent(share) for share in shares)
        table.add_row(tables.name(one.variant), f"{one.panels:,}", *told)
    return table


def application() -> typer.Typer:
    """The command."""
    return rooms.single(HELP, divergence)
