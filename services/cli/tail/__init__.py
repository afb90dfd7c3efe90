"""`turnout tail`: predictions as they are made."""

import typer

from services.cli import rooms
from services.cli.tail.command import HELP, tail


def application() -> typer.Typer:
    """The command."""
    return rooms.single(HELP, tail)
