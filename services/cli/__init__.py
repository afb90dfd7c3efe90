"""The `turnout` command: `up` keeps the whole suite running, `demo` shows what it does, `drift` asks it."""

__all__ = ["main"]


def main() -> None:
    """Entry point of the command."""
    # Commands that ask a running suite live in this package too, and would pay for what starts one.
    from services.cli.app import app  # noqa: PLC0415

    app(prog_name="turnout")
