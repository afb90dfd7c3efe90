"""`turnout drift report`: a result as one page of HTML."""

import os
import re
import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from turnout.drift.v1.performance_pb2 import (
    PERFORMANCE_STEP_HOURLY,
    GetPerformanceHistoryRequest,
    GetPerformanceHistoryResponse,
)
from turnout.drift.v1.result_pb2 import DriftResult

from services.cli.connecting import ERROR, Suite, carry_out, fail
from services.cli.drift import asking
from services.cli.drift.options import Server
from services.cli.drift.report import Report, render
from services.cli.numbers import id_of
from services.foundation.errors import RemoteError

# A week of hourly analyses; each is some kilobytes.
HISTORY = 168
STDOUT = "-"

Name = Annotated[
    str | None,
    typer.Argument(
        help="The result, as models/ID/results/ID; a model alone: its latest one.", show_default=False
    ),
]
Latest = Annotated[
    str | None, typer.Option("--latest", metavar="MODEL", help="The latest result of this model.")
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out", metavar="FILE", help="Where to write it; - is stdout, default drift-MODEL-ID.html."
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Show it in the browser.")]
History = Annotated[
    int, typer.Option(min=0, max=1000, help="How many results of before to draw trends from.")
]


def report(
    name: Name = None,
    latest: Latest = None,
    out: Out = None,
    show: Open = False,
    history: History = HISTORY,
    server: Server = None,
) -> None:
    """Write a result as one page of HTML that needs no network: verdict, distributions, trends."""
    if (name is None) == (latest is None):
        raise typer.BadParameter("give a result, or a model with --latest")
    wanted = name or latest or ""

    async def read(suite: Suite) -> Report:
        found = await (asking.named if "/results/" in wanted else asking.latest)(suite, wanted)
        before = await asking.newest(suite, found.model, history) if history else []
        return Report(found, datetime.now(UTC), before, await _performance(suite, found))

    told = carry_out("drift", server, read)
    page = render(told)
    if out == STDOUT:
        typer.echo(page, nl=False)
        return
    path = Path(out or _file_name(told.result.model, told.result.name))
    _write(path, page)
    if show and not webbrowser.open(path.absolute().as_uri()):
        fail(f"{path} is written, and there is no browser to show it in", ERROR)


async def _performance(suite: Suite, result: DriftResult) -> GetPerformanceHistoryResponse | None:
    """By the day, or by the hour where there is but a day; None where the server does not tell."""
    request = GetPerformanceHistoryRequest(model=result.model)
    if result.HasField("segment"):
        request.segment.CopyFrom(result.segment)
    try:
        found = await asking.performance(suite, request)
        if len(found.points) < 2:
            request.step = PERFORMANCE_STEP_HOURLY
            found = await asking.performance(suite, request)
    except RemoteError as refused:
        if refused.reason != "UNIMPLEMENTED":
            raise
        return None
    return found


def _file_name(model: str, result: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", f"drift-{id_of(model)}-{id_of(result)}.html")


def _write(path: Path, page: str) -> None:
    """Whole or not at all, and say where it is."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(page, encoding="utf-8")
        draft.replace(path)
    except OSError as failed:
        fail(f"{path} cannot be written: {failed.strerror}", ERROR)
    Console(stderr=True).print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)
