"""What a shell is told when it asks how a line could go on: commands, options, and what there is in a running
suite."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import typer
from typer.main import get_command

from services.cli.rooms import ROOMS, application
from services.foundation.configuration import SettingsError
from services.foundation.errors import TurnoutError


def complete() -> None:
    """Answer the shell, and end."""
    from services.cli.app import app  # noqa: PLC0415

    whole = get_command(app)
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    # One room at most is looked into: the others would have to be loaded.
    if (name := next(iter(line.split()[1:]), "")) in ROOMS:
        whole.commands[name] = get_command(application(name))  # type: ignore[attr-defined]
    whole(prog_name="turnout")


def routers(context: typer.Context) -> list[str]:
    """Routers of the running suite."""
    from services.cli import suggestions  # noqa: PLC0415

    return _asked(context, "routers", suggestions.router_names)


def models(context: typer.Context) -> list[str]:
    """Models of the running suite."""
    from services.cli import suggestions  # noqa: PLC0415

    return _asked(context, "models", suggestions.model_names)


def _asked(context: typer.Context, door: str, names: Callable[..., Awaitable[list[str]]]) -> list[str]:
    from services.cli.connecting import Visit  # noqa: PLC0415
    from services.cli.settings import CliSettings  # noqa: PLC0415
    from services.foundation.configuration import load  # noqa: PLC0415

    async def ask() -> list[str]:
        suite = Visit(context.params.get("server"), load(CliSettings, "cli"))
        try:
            return await names(suite.to(door))
        finally:
            await suite.close()

    try:
        return asyncio.run(ask())
    except (TurnoutError, SettingsError, OSError):
        # A line that is being typed is no place for complaints.
        return []
