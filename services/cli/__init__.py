"""The `turnout` command: `up` keeps the whole suite running, `demo` shows what it does, `drift` asks it."""

import sys

__all__ = ["main"]


def main() -> None:
    """Entry point of the command."""
    # Each imports what it needs: what asks a running suite would wait a second for what starts one.
    if sys.argv[1:2] == ["drift"]:
        from services.cli.drift import application  # noqa: PLC0415

        application()(sys.argv[2:], prog_name="turnout drift")
    from services.cli.app import app  # noqa: PLC0415

    app(prog_name="turnout")
