"""`turnout models`: who may answer. One command, one file."""

from collections.abc import Callable, Mapping
from typing import Any

import typer

from services.cli.models import changing, looking, probing, registering
from services.cli.rooms import app

COMMANDS: Mapping[str, Callable[..., Any]] = {
    "list": looking.list_,
    "get": looking.get,
    "register": registering.register,
    "update": registering.update,
    "delete": changing.delete,
    "alias": changing.alias,
    "test": probing.probe,
}


def application() -> typer.Typer:
    """The command and all that it does."""
    made = app("Who may answer: models are registered with where they are, what they read and what they say.")
    for name, command in COMMANDS.items():
        made.command(name)(command)
    return made
