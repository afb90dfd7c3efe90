"""Several workers on one port: the parent reserves it, starts them, starts crashed ones again, and ends them.

The parent makes no grpc object: each worker is a fresh interpreter, as a fork after grpc has started would
hang.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence

from services.foundation.logs import log
from services.foundation.settings import Settings

WRONG_SETTINGS = 2

FIRST_BACKOFF_SECONDS = 0.25
LONGEST_BACKOFF_SECONDS = 15.0
# A worker that lived this long did not die of its start: its next one comes without delay.
SOUND_LIFE_SECONDS = 30.0


def supervise(module: str, settings: Settings, inherited: Sequence[str]) -> int:
    """Run `settings.workers` processes of `python -m module` until SIGTERM or SIGINT; the exit code."""
    try:
        held = reserve(settings.host, settings.port)
    except OSError as taken:
        log.error("could not start", address=f"{settings.host}:{settings.port}", reason=str(taken))
        return 1
    with held:
        port = held.getsockname()[1]
        ours = ["--parent", str(os.getpid()), "--port", str(port), *inherited]
        command = [sys.executable, "-m", module, *ours]
        return asyncio.run(Supervisor(command).run(settings.workers))


def reserve(host: str, port: int) -> socket.socket:
    """A bound socket that keeps the port for our workers; it never listens, so the kernel sends it nothing.

    Raises OSError when somebody else has the port.
    """
    family, *_, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
    if port:
        # With SO_REUSEPORT alone we would share the port with a stranger who allows it, and lose calls to
        # him.
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    held = socket.socket(family)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(address)
    return held


class Supervisor:
    """Keeps one process per worker alive until it is told to stop."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._stop = asyncio.Event()
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._code = 0

    async def run(self, count: int) -> int:
        """Start, watch, end; the highest exit code of a worker that ended when it was told to."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, 0)
        await asyncio.gather(*(self._keep(worker) for worker in range(count)))
        return self._code

    def _end(self, code: int) -> None:
        """Pass the end on to every worker; they drain by themselves."""
        self._code = max(self._code, code)
        self._stop.set()
        for process in self._running.values():
            process.terminate()

    async def _keep(self, worker: int) -> None:
        loop = asyncio.get_running_loop()
        backoff = FIRST_BACKOFF_SECONDS
        while not self._stop.is_set():
            born = loop.time()
            code = await self._live(worker)
            if self._stop.is_set():
                self._code = max(self._code, code)
                return
            if code == WRONG_SETTINGS:
                self._end(code)
                return
            if loop.time() - born > SOUND_LIFE_SECONDS:
                backoff = FIRST_BACKOFF_SECONDS
            log.error("a worker ended; it is started again", ended=worker, exit_code=code, seconds=backoff)
            await self._pause(backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)

    async def _live(self, worker: int) -> int:
        """One life of a worker, from start to exit code."""
        process = await asyncio.create_subprocess_exec(*self._command, "--worker", str(worker))
        self._running[worker] = process
        if self._stop.is_set():
            process.terminate()
        code = await process.wait()
        del self._running[worker]
        return code

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
