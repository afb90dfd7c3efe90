"""`turnout apply`: what files declare comes to be, after it was shown what that would change."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from services.cli import rooms, tables
from services.cli.confirming import confirmed
from services.cli.connecting import ERROR, Visit, visit
from services.cli.declared import showing
from services.cli.declared.changes import Action, Change
from services.cli.declared.objects import OBJECTS
from services.cli.declared.options import Files, read
from services.cli.declared.planning import planned
from services.cli.options import Gateway, Shape
from services.cli.speech import Output, plain, tell
from services.foundation.errors import TurnoutError

DONE = {Action.CREATE: "created", Action.CHANGE: "changed", Action.NOTHING: "unchanged"}
STYLE = {"created": "green", "changed": "yellow", "unchanged": "dim", "failed": "bold red"}
FAILED = "failed"


def application() -> typer.Typer:
    """The command."""
    made = rooms.app("Make what files declare come to be.")
    made.command("apply")(apply)
    return made


def apply(
    files: Files,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; nobody is asked off a terminal.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and stop.")] = False,
    server: Gateway = None,
    output: Shape = Output.TABLE,
) -> None:
    """Make models, baselines, alerts and routers what files declare; shows first what that changes.

    Applied again it changes nothing. Ends with 0 when everything is as declared, with 1 when a service
    refused something, with 2 when a file is wrong. Where anything is refused beforehand, nothing is changed.
    """
    objects = read(files)

    async def errand(suite: Visit) -> tuple[list[Change], list[dict[str, Any]]]:
        changes = await planned(suite, objects)
        if output is Output.TABLE:
            tables.print_lines(showing.view(changes))
        if _ended(changes, dry_run):
            return changes, []
        # Whoever wants a document is no person, and has not been shown what to agree to.
        _ask(changes, yes=yes or output is not Output.TABLE)
        return changes, [await _carried_out(suite, one, output) for one in changes]

    changes, outcomes = visit(server, errand)
    if output is not Output.TABLE:
        tell(outcomes or showing.document(changes), output)
    if any(one.action is Action.REFUSED for one in changes):
        raise typer.Exit(ERROR)
    if any(one["outcome"] == FAILED for one in outcomes):
        raise typer.Exit(ERROR)


def _ended(changes: Sequence[Change], dry_run: bool) -> bool:
    if any(one.action is Action.REFUSED for one in changes):
        typer.echo("Nothing was changed.", err=True)
        return True
    return dry_run


def _ask(changes: Sequence[Change], *, yes: bool) -> None:
    """Go on, or end the command: only where there is something to do."""
    idle = all(one.action is Action.NOTHING for one in changes)
    confirmed("Apply?", yes=yes or idle)


async def _carried_out(suite: Visit, change: Change, output: Output) -> dict[str, Any]:
    outcome, notes = DONE[change.action], list[str]()
    if change.action is not Action.NOTHING:
        try:
            notes = await OBJECTS[change.declared.section][1](suite, change)
        except TurnoutError as refused:
            outcome, notes = FAILED, showing.complaints(change, refused)
    if output is Output.TABLE:
        line = Text.assemble((f"{outcome:<9}", STYLE[outcome]), " ", plain(change.declared.name))
        tables.print_lines(line)
        for note in notes:
            tables.print_lines(Text(f"          {plain(note)}", style="yellow"))
    return {"name": change.declared.name, "outcome": outcome, "notes": notes}
