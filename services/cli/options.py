"""What most commands that ask a running suite can be told, spelled once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer

from services.cli import durations
from services.cli.speech import Output

T = TypeVar("T")


def server_of(process: str, port: int) -> typer.models.OptionInfo:
    """The option that says where a process is."""
    option: typer.models.OptionInfo = typer.Option(
        "--server",
        metavar="HOST:PORT",
        help=f"The {process} service, or a gateway; else what TURNOUT_CLI_{process.upper()} says, the ready "
        f"file of TURNOUT_CLI_READY_FILE, the suite of this directory, or 127.0.0.1:{port}.",
        show_default=False,
    )
    return option


RouterServer = Annotated[str | None, server_of("router", 50051)]
AggregatorServer = Annotated[str | None, server_of("aggregator", 50052)]
FeedbackServer = Annotated[str | None, server_of("feedback", 50053)]
DriftServer = Annotated[str | None, server_of("drift", 50054)]
Gateway = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        help="A gateway, which has every service; else what TURNOUT_CLI_ROUTER and its like say, the ready "
        "file of TURNOUT_CLI_READY_FILE, the suite of this directory, or the default ports.",
        show_default=False,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; off a terminal, nobody is asked.")]
Shape = Annotated[Output, typer.Option("--output", "-o", help="How the answer is shown.")]
Last = Annotated[
    timedelta | None,
    typer.Option(parser=durations.duration, metavar="TIME", help="Length of the window: 90m, 24h, 7d."),
]
From = Annotated[
    datetime | None,
    typer.Option("--from", parser=durations.moment, metavar="MOMENT", help="Start of the window; ISO 8601."),
]
To = Annotated[
    datetime | None,
    typer.Option("--to", parser=durations.moment, metavar="MOMENT", help="End of the window; default now."),
]


def put_window(request: Any, last: timedelta | None, start: datetime | None, end: datetime | None) -> None:
    """Put the window that was asked for into a request with a start_time and an end_time."""
    if last and start:
        raise typer.BadParameter("--last and --from both say where the window starts; give one of them")
    if last:
        # The server's clock is the one that rows are counted by, but it does not take a length alone.
        end = end or datetime.now().astimezone()
        start = end - last
    if start:
        request.start_time.FromDatetime(start)
    if end:
        request.end_time.FromDatetime(end)


def one_of(known: Mapping[str, T], text: str | None, option: str) -> T | None:
    """What a word stands for; None where none was given."""
    return next(iter(each_of(known, [] if text is None else [text], option)), None)


def each_of(known: Mapping[str, T], texts: Sequence[str], option: str) -> list[T]:
    """What each of the words stands for."""
    for text in texts:
        if text.lower() not in known:
            raise typer.BadParameter(f"{option} {text!r}: write one of {', '.join(known)}")
    return [known[text.lower()] for text in texts]
