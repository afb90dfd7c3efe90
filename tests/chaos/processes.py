"""A service in a process of its own, which is killed, stopped, and started again at the same address."""

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

from services.foundation.client import Client
from tests.stories.suite import plain_environment
from tests.waiting import eventually

START_SECONDS = 60.0


class Process:
    """`python -m services.NAME` with settings; it answers at `address` while it runs."""

    def __init__(self, name: str, folder: Path, **settings: str) -> None:
        self.name = name
        self.port = free_port()
        self._folder = folder
        self._starts = 0
        told = {"PORT": str(self.port), "METRICS_PORT": "0", **settings}
        self._environment = {f"TURNOUT_{name.upper()}_{key}": value for key, value in told.items()}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Where it answers, whichever life this is."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """It answers when this returns."""
        self._starts += 1
        announce = self._folder / f"{self.name}-{self.port}-{self._starts}"
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{self.name}", "--announce", str(announce)),
            env={**plain_environment(), **self._environment},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        said = announce / f"{self.name}-0.json"
        await eventually(lambda: said.exists() or process.returncode is not None, within=START_SECONDS)
        assert process.returncode is None, f"it ended as it started, with {process.returncode}"
        assert json.loads(said.read_text())["address"] == self.address

    async def kill(self) -> None:
        """It is gone, without a word; nothing happens if it is gone already."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def stop(self) -> None:
        """It stands still, and knows nothing of it."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """From where it stood still."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> Client:
        """A channel to it; the caller's to close."""
        return Client(self.address)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
