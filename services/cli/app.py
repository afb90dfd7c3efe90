"""The command line of `turnout`."""

import importlib.util
import os
import random
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.fleet import NoFleetError
from services.cli.ports import PortTakenError
from services.cli.premises import PremisesTakenError
from services.cli.ready import HERE, announced, by_process, stored
from services.cli.rooms import ROOMS
from services.cli.suite import StartError
from services.cli.up import Wishes, up
from services.foundation.configuration import SettingsError
from services.foundation.parent import die_with
from services.foundation.workers import WRONG_SETTINGS

app = typer.Typer(
    help="Puts a fleet of models behind one call: routes, lets several answer, learns, notices drift.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True}


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"turnout {version('turnout')}")
        raise typer.Exit


@app.callback()
def _turnout(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None: ...


@app.command("up")
def _up(
    fleet: Annotated[
        bool, typer.Option("--fleet", help="Also the demo's model servers, registered.")
    ] = False,
    ephemeral: Annotated[
        bool, typer.Option("--ephemeral", help="Free ports, and a data directory that is thrown away.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes per service; default is what the settings say.")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written as JSON once everything is healthy: where everything is.")
    ] = None,
    parent: Annotated[int | None, typer.Option(hidden=True, help="End when this process does.")] = None,
) -> None:
    """Start Redis (unless REDIS_URL names one), the four services and the gateway; Ctrl-C drains them.

    Data live in .turnout/ of the current directory. Every setting of a service is an environment variable,
    such as TURNOUT_ROUTER_PORT=50061.
    """
    if parent is not None:
        die_with(parent)
    if ready_file and not os.access(ready_file.parent, os.W_OK | os.X_OK):
        # Found out only once everything runs, it would be a traceback.
        _fail(f"--ready-file {ready_file}: {ready_file.parent} is no directory that can be written to", 2)
    console = Console()
    try:
        wishes = Wishes(fleet, ephemeral, workers, ready_file and ready_file.absolute())
        raise typer.Exit(up(wishes, console, random.Random()))
    except SettingsError as wrong:
        _fail(f"a setting is wrong: {wrong}", WRONG_SETTINGS)
    except (PortTakenError, PremisesTakenError, NoFleetError) as refused:
        _fail(str(refused), 1)
    except StartError as failed:
        _fail(str(failed), failed.code)


@app.command("demo", add_help_option=False, context_settings=PASSED_ON)
def _demo(context: typer.Context) -> None:
    """Real models, real data, the whole suite: in about a minute, see what it does. Then --help."""
    if importlib.util.find_spec("examples") is None or importlib.util.find_spec("examples.demo") is None:
        _fail("the demo is part of the project's source tree and not of the installed package", 1)
    # It needs grpc, which nothing here may load: this process only ever starts others.
    os.execv(sys.executable, [sys.executable, "-m", "examples.demo", *context.args])  # noqa: S606


@app.command("replay", add_help_option=False, context_settings=PASSED_ON)
def _replay(context: typer.Context) -> None:
    """Make recorded decisions again, and say which come out otherwise. Then --help."""
    # What runs in this directory stores in a Redis of its own.
    if "REDIS_URL" not in os.environ and (nearby := stored(by_process(announced(HERE)))):
        os.environ["REDIS_URL"] = nearby
    os.execv(sys.executable, [sys.executable, "-m", "services.router.replay", *context.args])  # noqa: S606


def _leave_to(name: str) -> None:
    @app.command(name, help=ROOMS[name].help, add_help_option=False, context_settings=PASSED_ON)
    def _room(context: typer.Context) -> None:
        # Only reached behind an option of our own: main() goes there directly.
        os.execv(sys.executable, [sys.executable, "-m", "services.cli", name, *context.args])  # noqa: S606


for _name in ROOMS:
    _leave_to(_name)


def _fail(words: str, code: int) -> None:
    Console(stderr=True).print(f"turnout: {words}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
