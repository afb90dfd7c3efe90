"""The `turnout` command: `up` keeps the whole suite running, `demo` shows what it does, the others ask it."""

import os
import sys

__all__ = ["main"]

# Where a shell asks what a line could go on with.
COMPLETING = "_TURNOUT_COMPLETE"


def main() -> None:
    """Entry point of the command."""
    try:
        _run()
    except KeyboardInterrupt:
        # Of somebody who did not wait until it was loaded; later each command ends by itself.
        sys.exit(130)


def _run() -> None:
    # Each imports what it needs: what asks a running suite would wait a second for what starts one.
    if COMPLETING in os.environ:
        from services.cli.completing import complete  # noqa: PLC0415

        complete()
    from services.cli.rooms import ROOMS, application  # noqa: PLC0415

    if (name := next(iter(sys.argv[1:]), "")) in ROOMS:
        # Read when grpc is loaded: its own lines, of handshakes say, would stand before what we say of them.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        application(name)(sys.argv[2:], prog_name=f"turnout {name}")
    from services.cli.app import app  # noqa: PLC0415

    app(prog_name="turnout")
