"""The commands that ask a running suite. Each is a module with an `application()`, loaded only when it is
called: what starts a suite must not load grpc, and nobody waits for what they did not ask for."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from services.cli.credentials import identified


class Room(NamedTuple):
    """A command, or a family of them: where it is, and what it is for in a line."""

    module: str
    help: str


ROOMS: Mapping[str, Room] = {
    "models": Room("services.cli.models", "Who may answer: list, register, update, test them."),
    "routers": Room("services.cli.routers", "Who is asked, and how often: create, deploy, steer, follow."),
    "apply": Room("services.cli.declared.applying", "Make what files declare come to be."),
    "diff": Room(
        "services.cli.declared.diffing", "Show what applying files would change, and would have earned."
    ),
    "export": Room("services.cli.declared.exporting", "Write what there is as a file that apply takes."),
    "drift": Room("services.cli.drift", "Has the world changed? Analyses, results and reports."),
    "predict": Room("services.cli.predicting", "Ask a router, once or for every row of a file."),
    "explain": Room("services.cli.explaining", "Why a router decides, or decided, as it does."),
    "feedback": Room("services.cli.learning.feedback", "What came of predictions: one, or a file of them."),
    "rewards": Room("services.cli.learning.rewards", "What a router has learnt, arm by arm."),
    "experiments": Room(
        "services.cli.learning.experiments", "How variants compare, and what may be concluded."
    ),
    "canary": Room("services.cli.learning.canary", "Where a canary stands; pause, promote, roll back."),
    "divergence": Room("services.cli.learning.divergence", "How often the members of an ensemble differ."),
    "efficiency": Room("services.cli.learning.efficiency", "What answers cost, and might have cost."),
    "tail": Room("services.cli.tail", "Predictions as they are made, one line each."),
    "keys": Room("services.cli.keys.managing", "Keys for callers: make, list and revoke them."),
    "whoami": Room("services.cli.keys.whoami", "Whom the suite takes you for."),
    "doctor": Room("services.cli.doctor", "What is wrong with my set-up, and what mends it."),
}


def application(name: str) -> typer.Typer:
    """The command of that name in ROOMS."""
    made: typer.Typer = importlib.import_module(ROOMS[name].module).application()
    return made


class Application(typer.Typer):
    """A command, or a family of them; each that asks a suite can be told who asks."""

    def command(self, name: str | None = None, **how: Any) -> Callable[[Any], Any]:
        register = super().command(name, **how)

        def take(command: Any) -> Any:
            register(identified(command))
            return command

        return take


def app(help_: str, kind: type[TyperGroup] | None = None) -> typer.Typer:
    """An empty command as all of ours are; `kind` reads its words otherwise."""
    return Application(
        help=help_, cls=kind, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )


def single(help_: str, command: Callable[..., Any]) -> typer.Typer:
    """A command without any below it."""
    made = app(help_)
    made.command()(command)
    return made
