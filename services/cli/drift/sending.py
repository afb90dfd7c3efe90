"""A file on its way to the service, with a bar that shows how far it is."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from turnout.drift.v1 import baseline_rpc_pb2 as rpc

from services.cli.connecting import Suite

STDIN = "-"
# Well below what a message may have.
PIECE = 1 << 20


async def send(
    suite: Suite, header: rpc.UploadBaselineHeader, file: Path, seconds: float
) -> rpc.UploadBaselineResponse:
    """Send the file behind its header; the reply. Raises RemoteError, OSError."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        with sys.stdin.buffer if str(file) == STDIN else file.open("rb") as opened:
            parts = _parts(header, opened, progress)
            reply: rpc.UploadBaselineResponse = await suite.send("UploadBaseline", parts, seconds)
        return reply


async def _parts(
    header: rpc.UploadBaselineHeader, opened: BinaryIO, progress: Progress
) -> AsyncIterator[rpc.UploadBaselineRequest]:
    yield rpc.UploadBaselineRequest(header=header)
    task = progress.add_task("sending", total=header.file_bytes or None)
    # A pipe may keep one waiting, and the connection must be kept alive meanwhile.
    while piece := await asyncio.to_thread(opened.read, PIECE):
        yield rpc.UploadBaselineRequest(data=piece)
        progress.advance(task, len(piece))
    progress.update(task, description="counting")
