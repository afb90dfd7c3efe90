"""The echo service as processes of their own, for tests of signals and crashes."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.waiting import eventually


class Processes:
    """Starts `tests.foundation.echo_service` with settings from the environment; kills what is left."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._started: list[asyncio.subprocess.Process] = []

    async def start(self, *arguments: str, **settings: Any) -> asyncio.subprocess.Process:
        """One process, its standard error readable, announcing itself in `directory`."""
        ours = {f"TURNOUT_ECHO_{key.upper()}": str(value) for key, value in settings.items()}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TURNOUT_")}
        module = ["-m", "tests.foundation.echo_service", "--announce", str(self.directory / "up")]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *module, *arguments, env={**environment, **ours}, stderr=asyncio.subprocess.PIPE
        )
        self._started.append(process)
        return process

    async def announced(self, worker: int = 0, *, unlike: int = 0) -> dict[str, Any]:
        """What a worker announced, once it has; `unlike` waits for another pid than this."""

        def read() -> dict[str, Any] | None:
            path = self.directory / "up" / f"echo-{worker}.json"
            said: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
            return said if said and said["pid"] != unlike else None

        found = await eventually(read, within=30)
        assert found is not None
        return found

    async def close(self) -> None:
        """Kill what still runs; nothing does after a sound test."""
        for process in self._started:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.communicate()


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
