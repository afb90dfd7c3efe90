"""`turnout predict`: ask a router, once or for every row of a file."""

import typer

from services.cli import rooms
from services.cli.predicting.command import predict

HELP = "Ask a router: the answer, who took part, why, and what it took."


def application() -> typer.Typer:
    """The command."""
    app = rooms.app(HELP)
    app.command()(predict)
    return app
