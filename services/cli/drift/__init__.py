"""`turnout drift`: has the world changed since a model was made? One command, one file."""

from collections.abc import Callable, Mapping
from typing import Any

import typer

from services.cli.drift import alerts, analyzing, baseline, listing, performance, reporting, results
from services.cli.rooms import app

COMMANDS: Mapping[str, Callable[..., Any]] = {
    "analyze": analyzing.analyze,
    "results": results.results,
    "result": results.result,
    "report": reporting.report,
    "baseline": baseline.baseline,
    "baselines": listing.baselines,
    "performance": performance.performance,
    "alerts": alerts.alerts,
}


def application() -> typer.Typer:
    """The command and all that it does."""
    made = app("Has the world changed since a model was made? Asks the drift service of a running suite.")
    for name, command in COMMANDS.items():
        made.command(name)(command)
    return made
