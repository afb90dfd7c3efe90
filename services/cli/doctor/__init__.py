"""`turnout doctor`: what is wrong with a running suite, and what mends it."""

from typing import Annotated

import typer

from services.cli import rooms, tables
from services.cli.connecting import Visit, visit
from services.cli.doctor import checks
from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Severity
from services.cli.doctor.view import documents, view
from services.cli.options import Gateway, Shape
from services.cli.speech import Output, tell

HELP = "What is wrong with my set-up, why it matters, and what mends it."
# Who is told of warnings alone may go on; of an error he may not.
EXIT = {Severity.ERROR: 2, Severity.WARNING: 1, Severity.NOTE: 0}


def doctor(
    redis: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The suite's Redis; else that of the ready file, of the suite of this "
            "directory, or REDIS_URL.",
            show_default=False,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors and warnings, no notes.")] = False,
    server: Gateway = None,
    output: Shape = Output.TABLE,
) -> None:
    """Look at a running suite: services, Redis, replicas, routers, models, clocks, certificates, access.

    Ends with 0 where all is fine, 1 with warnings, 2 with errors.
    """
    facts = visit(server, lambda suite: _gathered(suite, server, redis))
    found = checks.examine(facts)
    shown = [one for one in found if not quiet or one.severity != Severity.NOTE]
    if output is Output.TABLE:
        tables.show(view(facts, shown, len(checks.CHECKS)))
    else:
        tell(documents(shown), output)
    raise typer.Exit(max((EXIT[one.severity] for one in found), default=0))


async def _gathered(suite: Visit, server: str | None, redis: str | None) -> Facts:
    # Loaded here: help needs neither Redis nor certificates.
    from services.cli.doctor.gathering import gather  # noqa: PLC0415
    from services.cli.doctor.gathering.places import places  # noqa: PLC0415
    from services.cli.settings import CliSettings  # noqa: PLC0415
    from services.foundation.configuration import load  # noqa: PLC0415

    settings = load(CliSettings, "cli")
    return await gather(suite, places(server, redis, settings), settings)


def application() -> typer.Typer:
    """The command."""
    app = rooms.app(HELP)
    app.command()(doctor)
    return app
