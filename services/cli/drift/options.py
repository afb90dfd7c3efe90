"""What most commands of `turnout drift` can be told, spelled once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer
from turnout.drift.v1.segment_pb2 import Segment

from services.cli.drift import durations
from services.cli.speech import Output

T = TypeVar("T")

Model = Annotated[str, typer.Argument(help="The model, as churn-xgb-v2 or models/churn-xgb-v2.")]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        help="The drift service; else what TURNOUT_CLI_DRIFT says, the ready file of TURNOUT_CLI_READY_FILE, "
        "the suite of this directory, or 127.0.0.1:50054.",
        show_default=False,
    ),
]
Shape = Annotated[Output, typer.Option("--output", "-o", help="How the answer is shown.")]
ExitCode = Annotated[
    bool,
    typer.Option("--exit-code", help="End with 3 where something drifts, and with 4 where too few rows say."),
]
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
Piece = Annotated[
    str | None, typer.Option("--segment", metavar="NAME=VALUE", help="Only this part of the traffic.")
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


def segment_of(text: str | None) -> Segment | None:
    """A segment as people type it: NAME=VALUE."""
    if text is None:
        return None
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise typer.BadParameter(f"--segment {text!r}: write NAME=VALUE, such as region=north")
    return Segment(name=name, value=value)


def one_of(known: Mapping[str, T], text: str | None, option: str) -> T | None:
    """What a word stands for; None where none was given."""
    return next(iter(each_of(known, [] if text is None else [text], option)), None)


def each_of(known: Mapping[str, T], texts: Sequence[str], option: str) -> list[T]:
    """What each of the words stands for."""
    for text in texts:
        if text.lower() not in known:
            raise typer.BadParameter(f"{option} {text!r}: write one of {', '.join(known)}")
    return [known[text.lower()] for text in texts]
