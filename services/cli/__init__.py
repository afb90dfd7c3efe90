"""The `turnout` command: `up` keeps the whole suite running, `demo` shows what it does."""

from services.cli.app import app

__all__ = ["main"]


def main() -> None:
    """Entry point of the command."""
    app(prog_name="turnout")
