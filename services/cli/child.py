"""One program of the suite, kept alive: started, started again with backoff when it dies, ended when told."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.foundation.workers import WRONG_SETTINGS

LONGEST_BACKOFF_SECONDS = 15.0
# A life this long was sound: the backoff begins anew.
SOUND_LIFE_SECONDS = 30.0
# Drains take at most the notice, 5 s for calls and 5 s for each flush.
GRACE_SECONDS = 20.0


@dataclass(frozen=True)
class Program:
    """What to run. It is healthy when all of its workers have announced themselves under its name.
    `backoff` is the seconds before a first restart; later ones double."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1
    backoff: float = 0.25


class Child:
    """Runs a program again and again until `stop`. `say` tells people about deaths; `lock` is handed down."""

    def __init__(self, program: Program, *, lock: int, say: Callable[[str], None]) -> None:
        self.program = program
        self._lock = lock
        self._say = say
        self._stop = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        # Of the life that ended because we said so.
        self.code = 0
        self._keeping: asyncio.Task[None] | None = None
        # First end of the program that nobody asked for; a start that is under way gives up on it.
        self.died: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def start(self) -> None:
        """Begin the first life."""
        self._keeping = asyncio.get_running_loop().create_task(self._keep(), name=self.program.name)

    async def stop(self, grace: float = GRACE_SECONDS) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; returns once it is gone."""
        self._stop.set()
        if self._keeping is None:
            return
        self._signal(signal.SIGTERM)
        if (await asyncio.wait({self._keeping}, timeout=grace))[1]:
            self._say(f"{self.program.name} did not drain within {grace:g} s and is killed")
            self.kill()
        await self._keeping

    def kill(self) -> None:
        """End it at once, and do not start it again."""
        self._stop.set()
        self._signal(signal.SIGKILL)

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        said = self.program.log.read_text(errors="replace").splitlines() if self.program.log.exists() else []
        return "\n".join(said[-lines:])

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        backoff = self.program.backoff
        while not self._stop.is_set():
            born = loop.time()
            code = await self._live()
            if self._stop.is_set():
                self.code = code
                return
            if not self.died.done():
                self.died.set_result(code)
            if loop.time() - born > SOUND_LIFE_SECONDS:
                backoff = self.program.backoff
            if code == WRONG_SETTINGS:
                self._say(f"{self.program.name} refuses its settings and stays down: {self.last_words(3)}")
                return
            self._say(f"{self.program.name} {ending(code)}; it is started again in {backoff:g} s")
            await self._pause(backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)

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
        return await self._process.wait()

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
