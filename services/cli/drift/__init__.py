"""`turnout drift`: has the world changed since a model was made? One command, one file."""

from collections.abc import Callable, Mapping
from typing import Any

import typer

from services.cli.drift import alerts, analyzing, baseline, listing, performance, reporting, results

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
    app = typer.Typer(
        help="Has the world changed since a model was made? Asks the drift service of a running suite.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name, command in COMMANDS.items():
        app.command(name)(command)
    return app
