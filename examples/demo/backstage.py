"""A throw-away suite for the story: `turnout up` as a process of our own, gone when we are."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.cli.ready import alive

START_SECONDS = 120.0
STOP_SECONDS = 60.0


class NoSuiteError(RuntimeError):
    """The suite did not start; the message has what it said."""


@asynccontextmanager
async def suite(fleet: bool = True) -> AsyncIterator[Path]:
    """Its ready file, once there is one, while it runs, with the model servers or without. Raises
    NoSuiteError."""
    with tempfile.TemporaryDirectory(prefix="turnout-demo-") as directory:
        ready = Path(directory) / "ready.json"
        told = ("--ephemeral", "--ready-file", str(ready), "--parent", str(os.getpid()))
        options = (*told, "--fleet") if fleet else told
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.cli", "up", *options),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # Of what was made just now all has arrived: nobody waits half a minute for a look.
            env={**os.environ, "TURNOUT_DRIFT_LOOK_SETTLE_SECONDS": "3"},
            # Ctrl-C must reach it through us, once we have closed our channels.
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101 - asked for above
        # Read all along: a supervisor whose words nobody takes would stop at a full pipe.
        said = asyncio.ensure_future(process.stdout.read())
        try:
            await _until_ready(ready, process, said)
            yield ready
        finally:
            await _stop(process)
            await said


async def _until_ready(
    ready: Path, process: asyncio.subprocess.Process, said: "asyncio.Future[bytes]"
) -> None:
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while not ready.exists():  # noqa: ASYNC240 - a small local file of another process
        if process.returncode is not None:
            raise NoSuiteError((await said).decode(errors="replace").strip())
        if asyncio.get_running_loop().time() > deadline:
            raise NoSuiteError(f"the suite was not healthy within {START_SECONDS:g} s")
        await asyncio.sleep(0.1)


def _read(ready: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(ready.read_text())
        if not document["models"]:
            raise NoSuiteError(f"that of {ready} has no models: turnout up --fleet --ready-file FILE has")
    except (ValueError, KeyError, TypeError):
        raise NoSuiteError(f"{ready} is no file that turnout up --fleet --ready-file wrote") from None
    return document


async def whole(ready: Path) -> dict[str, Any]:
    """The document of a suite's ready file, once every model server lives: one may be on its way back."""
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while True:
        document = _read(ready)
        missing = [name for name in document["models"] if not any(map(alive, document["pids"].get(name, ())))]
        if not missing:
            return document
        if asyncio.get_running_loop().time() > deadline:
            raise NoSuiteError(f"{', '.join(missing)} did not come back within {START_SECONDS:g} s")
        await asyncio.sleep(0.2)


def living(ready: Path) -> dict[str, list[int]]:
    """Processes of the suite by name, as its ready file says now."""
    pids: dict[str, list[int]] = json.loads(ready.read_text())["pids"]
    return pids


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
