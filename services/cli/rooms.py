"""The commands that ask a running suite. Each is a module with an `application()`, loaded only when it is
called: what starts a suite must not load grpc, and nobody waits for what they did not ask for."""

import importlib
from collections.abc import Mapping
from typing import NamedTuple

import typer


class Room(NamedTuple):
    """A command, or a family of them: where it is, and what it is for in a line."""

    module: str
    help: str


ROOMS: Mapping[str, Room] = {
    "drift": Room("services.cli.drift", "Has the world changed? Analyses, results and reports."),
}


def application(name: str) -> typer.Typer:
    """The command of that name in ROOMS."""
    made: typer.Typer = importlib.import_module(ROOMS[name].module).application()
    return made


def app(help_: str) -> typer.Typer:
    """An empty command as all of ours are."""
    return typer.Typer(help=help_, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
