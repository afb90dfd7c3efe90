"""The `turnout` command: `up` keeps the whole suite running, `demo` shows what it does."""


def main() -> None:
    """Entry point of the command."""
    # Here and not above: `services.cli.tied` passes through this package on its way to becoming another program.
    from services.cli.app import app  # noqa: PLC0415

    app(prog_name="turnout")
