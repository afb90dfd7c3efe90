"""`turnout routers`: who is asked, and how often. One command, one file, or a few that are alike."""

from collections.abc import Callable, Mapping
from typing import Any

import typer

from services.cli.rooms import app
from services.cli.routers import creating, history, lifecycle, looking, manifest, sharing, variants, watching

COMMANDS: Mapping[str, Callable[..., Any]] = {
    "list": looking.list_,
    "get": looking.get,
    "create": creating.create,
    "deploy": lifecycle.deploy,
    "stop": lifecycle.stop,
    "start": lifecycle.start,
    "delete": lifecycle.delete,
    "undelete": lifecycle.undelete,
    "weights": variants.weights,
    "enable": variants.enable,
    "disable": variants.disable,
    "share": sharing.share,
    "watch": watching.watch,
    "history": history.history,
    "rollback": history.rollback,
    "manifest": manifest.manifest,
}


def application() -> typer.Typer:
    """The command and all that it does."""
    made = app("Who is asked, and how often: routers are created, deployed, steered and followed.")
    for name, command in COMMANDS.items():
        made.command(name)(command)
    return made
