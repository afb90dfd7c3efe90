"""A whole suite as a process of its own, started as people start it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.cli.ready import alive
from services.foundation.client import Client
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
START_SECONDS = 110.0


class Suite:
    """`turnout up` and what its ready file says."""

    def __init__(self, process: asyncio.subprocess.Process, ready: Path, log: Path) -> None:
        self.process = process
        self.ready_file = ready
        self._log = log
        self._clients: list[Client] = []

    @property
    def ready(self) -> dict[str, Any]:
        """The document as it stands now."""
        document: dict[str, Any] = json.loads(self.ready_file.read_text())
        return document

    @property
    def said(self) -> str:
        """What the supervisor printed so far."""
        return self._log.read_text()

    def pids(self) -> list[int]:
        """Of every process that works, and the supervisor."""
        return [self.process.pid, *(pid for pids in self.ready["pids"].values() for pid in pids)]

    async def workers(self, name: str) -> list[int]:
        """The processes of a service; waits while it is on its way back."""
        return await eventually(lambda: self.ready["pids"].get(name), within=60)

    def client(self, service: str, **options: Any) -> Client:
        """A channel to a service; closed with the suite."""
        client = Client(self.ready[service], **options)
        self._clients.append(client)
        return client

    async def until_ready(self) -> None:
        """Wait for the ready file, or fail with what the supervisor said."""

        def ready() -> bool:
            # Not an AssertionError, which would mean "not yet".
            if self.process.returncode is not None:
                raise RuntimeError(self.said)
            return self.ready_file.exists()

        await eventually(ready, within=START_SECONDS)

    async def close_clients(self) -> None:
        await asyncio.gather(*(client.close() for client in self._clients))
        self._clients.clear()


@asynccontextmanager
async def starting(directory: Path, *options: str, **environment: str) -> AsyncIterator[Suite]:
    """A suite with its ready file and its words in `directory`; it is gone when the block ends."""
    ready, log = directory / "ready.json", directory / "said.txt"
    with log.open("w") as words:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.cli", "up", *options, "--ready-file", str(ready)),
            cwd=directory,
            env={**plain_environment(), **environment},
            stdout=words,
            stderr=words,
        )
    suite = Suite(process, ready, log)
    try:
        yield suite
    finally:
        await suite.close_clients()
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


def plain_environment() -> Mapping[str, str]:
    """Ours without settings of Turnout, and with the project to import from wherever the suite starts."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("TURNOUT_", "REDIS_URL"))}
    return {**ours, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}


def living(pids: list[int]) -> list[int]:
    """Those that still run."""
    return [pid for pid in pids if alive(pid) and not zombie(pid)]


def zombie(pid: int) -> bool:
    """Whether it has ended and nobody has asked for its exit code: init will, in its own time."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return False
