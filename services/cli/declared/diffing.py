"""`turnout diff`: what `turnout apply` would change, and what a router's change would have earned."""

from typing import Annotated

import typer

from services.cli import rooms, tables
from services.cli.connecting import ERROR, Visit, visit
from services.cli.declared import pricing, showing
from services.cli.declared.changes import Action, Change
from services.cli.declared.options import Files, read
from services.cli.declared.planning import planned
from services.cli.declared.pricing import Price
from services.cli.options import Gateway, Shape
from services.cli.speech import Output, tell

DIFFERS = 3


def application() -> typer.Typer:
    """The command."""
    made = rooms.app("Show what applying files would change.")
    made.command("diff")(diff)
    return made


def diff(
    files: Files,
    price: Annotated[
        bool,
        typer.Option(help="Estimate what a router's change would have earned on last week's decisions."),
    ] = True,
    server: Gateway = None,
    output: Shape = Output.TABLE,
) -> None:
    """Show what applying files would change, field by field, and what it would have earned.

    Changes nothing. Ends with 0 when there is nothing to do, with 3 when something differs, with 1 when a
    service refuses something or cannot be reached, with 2 when a file is wrong.
    """
    objects = read(files)

    async def errand(suite: Visit) -> tuple[list[Change], list[Price]]:
        changes = await planned(suite, objects)
        return changes, [one async for one in pricing.prices(suite, changes)] if price else []

    changes, prices = visit(server, errand)
    if output is Output.TABLE:
        tables.print_lines(showing.view(changes))
        for one in prices:
            tables.print_lines(one.view())
    else:
        tell(showing.document(changes, prices), output)
    actions = {one.action for one in changes}
    if Action.REFUSED in actions:
        raise typer.Exit(ERROR)
    if actions - {Action.NOTHING}:
        raise typer.Exit(DIFFERS)
