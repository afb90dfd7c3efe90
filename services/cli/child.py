"""One program of the suite, kept alive: started, started again with backoff when it dies, ended when told."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.cli.logfile import MOST_BYTES, LogFile
from services.foundation.workers import WRONG_SETTINGS

LONGEST_BACKOFF_SECONDS = 15.0
# A life this long was sound: the backoff begins anew.
SOUND_LIFE_SECONDS = 30.0
# Drains take at most the notice, 5 s for calls and 5 s for each flush.
GRACE_SECONDS = 20.0
# A log is larger than it should be for this long at most.
LOG_SECONDS = 1.0


@dataclass(frozen=True)
class Program:
    """What to run. It is healthy when all of its workers have announced themselves under its name, or under
    each of the names that it `announces`. `backoff` is the seconds before a first restart; later ones
    double. A log that has more than `log_bytes` is moved aside."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1
    backoff: float = 0.25
    log_bytes: int = MOST_BYTES
    announces: tuple[str, ...] = ()


class Child:
    """Runs a program again and again until `stop`. `say` tells people about deaths; `lock` is handed down."""

    def __init__(self, program: Program, *, lock: int, say: Callable[[str], None]) -> None:
        self.program = program
        self._log = LogFile(program.log, most_bytes=program.log_bytes)
        self._log_is_full = False
        self._lock = lock
        self._say = say
        self._stop = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        # Of the life that ended because we said so.
        self.code = 0
        self._keeping: asyncio.Task[None] | None = None
        # First end of the program that nobody asked for: its exit code, or why it could not begin. A start
        # that is under way gives up on it.
        self.died: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def start(self) -> None:
        """Begin the first life."""
        self._keeping = asyncio.get_running_loop().create_task(self._keep(), name=self.program.name)
        self._keeping.add_done_callback(self._ended)

    async def stop(self, grace: float = GRACE_SECONDS) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; returns once it is gone."""
        self._stop.set()
        if self._keeping is None:
            return
        self._signal(signal.SIGTERM)
        if (await asyncio.wait({self._keeping}, timeout=grace))[1]:
            self._say(f"{self.program.name} did not drain within {grace:g} s and is killed")
            self.kill()
        await asyncio.wait({self._keeping})

    def kill(self) -> None:
        """End it at once, and do not start it again."""
        self._stop.set()
        self._signal(signal.SIGKILL)

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        try:
            return self._log.tail(lines)
        except OSError as failed:
            return f"(its log cannot be read: {failed})"

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        backoff = self.program.backoff
        while not self._stop.is_set():
            born = loop.time()
            code = await self._try_to_live()
            if self._stop.is_set():
                self.code = code or 0
                return
            if loop.time() - born > SOUND_LIFE_SECONDS:
                backoff = self.program.backoff
            if code == WRONG_SETTINGS:
                self._say(f"{self.program.name} refuses its settings and stays down: {self.last_words(3)}")
                return
            if code is not None:
                self._say(f"{self.program.name} {ending(code)}; it is started again in {backoff:g} s")
            await self._pause(backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)

    async def _try_to_live(self) -> int | None:
        """One life, as `_live`; None if it could not begin."""
        try:
            code = await self._live()
        except OSError as failed:
            # No processes, descriptors or disk to be had: that may pass.
            self._say(f"{self.program.name} cannot be started: {failed}; it is tried again")
            if not self.died.done():
                self.died.set_exception(failed)
                self.died.exception()  # asyncio complains of one that nobody has looked at
            return None
        if not self._stop.is_set() and not self.died.done():
            self.died.set_result(code)
        return code

    async def _live(self) -> int:
        """One life, from start to exit code."""
        program = self.program
        with program.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *program.command,
                env={**os.environ, **program.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._lock,),
                # A Ctrl-C on the terminal must reach the supervisor alone, or nothing would end in order.
                start_new_session=True,
            )
        if self._stop.is_set():
            self._signal(signal.SIGTERM)
        waiting = asyncio.ensure_future(self._process.wait())
        while not (await asyncio.wait({waiting}, timeout=LOG_SECONDS))[0]:
            await self._bound_log()
        return waiting.result()

    async def _bound_log(self) -> None:
        try:
            await asyncio.to_thread(self._log.rotate)
            self._log_is_full = False
        except OSError as failed:
            if not self._log_is_full:
                self._say(f"the log of {self.program.name} grows on, it cannot be moved: {failed}")
            self._log_is_full = True

    def _ended(self, keeping: asyncio.Task[None]) -> None:
        if not keeping.cancelled() and (failed := keeping.exception()):
            self.code = 1
            self._say(f"{self.program.name} is no longer looked after: {failed!r}")

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self._process.returncode is None:
            self._process.send_signal(number)


def ending(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
