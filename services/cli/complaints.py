"""What a command says on stderr when it cannot do what it is asked."""

from typing import NoReturn

import typer
from rich.console import Console

from services.cli.hints import hint
from services.cli.speech import plain
from services.foundation import wording
from services.foundation.errors import RemoteError, TurnoutError

ERROR, USAGE = 1, 2


def complain(refused: TurnoutError, suggestion: str = "") -> None:
    """An error as a person wants it: what happened, which field, and what to do about it. A `suggestion`
    knows what there is, and goes before what is said of every such error."""
    lines = [f"turnout: {told(refused)} ({refused.reason})"]
    # Most messages say their field's complaint already.
    lines += [
        f"  {one.field}: {one.description}" for one in refused.fields if one.description not in lines[0]
    ]
    if advice := suggestion or hint(refused.reason):
        lines.append(f"  {advice}")
    if isinstance(refused, RemoteError) and (error_id := refused.facts.get("error_id")):
        lines.append(f"  error_id {error_id} finds it in the service's log")
    for line in lines:
        say(line)


def told(refused: TurnoutError) -> str:
    """What happened; of a connection that failed in plain words, with whose it is."""
    if (words := wording.plain(refused.message)) == refused.message:
        return words
    return f"{target} {words}" if (target := refused.facts.get("target", "")) else words


def say(words: str) -> None:
    """A line on stderr."""
    Console(stderr=True).print(plain(words), markup=False, highlight=False, soft_wrap=True)


def unusable(failed: OSError) -> NoReturn:
    """End the command over what the system refused: with 2 where a file was named that cannot be used."""
    if isinstance(failed, BrokenPipeError):
        # Whoever read what we print has seen enough; typer ends such a command without a word.
        raise failed
    if failed.filename is None:
        fail(str(failed))
    fail(f"{failed.filename}: {failed.strerror}", USAGE)


def fail(words: str, code: int = ERROR) -> NoReturn:
    """Say it on stderr, and end the command."""
    say(f"turnout: {words}")
    raise typer.Exit(code)
