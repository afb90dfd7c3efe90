"""`turnout up`: claim the premises, choose ports, start, say where everything is, and drain when told."""

import asyncio
import random
import signal
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from services.cli import first_key, fleet, gateway, ready, redis, waiting
from services.cli.child import Program
from services.cli.ports import FreePorts
from services.cli.premises import Premises, sweep
from services.cli.programs import service_program, token_for
from services.cli.seats import Seat, seats
from services.cli.suite import Suite

REFRESH_SECONDS = 1.0


@dataclass(frozen=True)
class Wishes:
    """What the command line asked for."""

    fleet: bool = False
    ephemeral: bool = False
    workers: int | None = None
    ready_file: Path | None = None


def up(wishes: Wishes, console: Console, rng: random.Random) -> int:
    """Run a suite until SIGTERM or Ctrl-C; the exit code. Raises SettingsError, PortTakenError,
    PremisesTakenError or StartError if it cannot start."""
    if wishes.ephemeral:
        sweep(Path(tempfile.gettempdir()))
        premises = Premises.throw_away()
    else:
        premises = Premises(Path.cwd() / ".turnout")
        premises.claim()
    try:
        return asyncio.run(_Run(wishes, premises, console, rng).run())
    finally:
        premises.release()


class _Run:
    """One run of the command."""

    def __init__(self, wishes: Wishes, premises: Premises, console: Console, rng: random.Random) -> None:
        self._wishes = wishes
        self._premises = premises
        self._console = console
        self._free = FreePorts(rng)
        self._stop = asyncio.Event()
        self._killing: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Start, tell, wait, drain; the exit code."""
        seated = seats(self._free, ephemeral=self._wishes.ephemeral)
        front = gateway.choose(self._free, self._say, ephemeral=self._wishes.ephemeral)
        models = (
            [fleet.program(self._premises, self._free, ephemeral=self._wishes.ephemeral)]
            if self._wishes.fleet
            else []
        )
        server = redis.choose(self._premises.data / "redis", self._free.take(), self._say)
        suite = Suite(self._premises.announcements, server, lock=self._premises.lock, say=self._say)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._told_to_stop, suite)
        try:
            if await self._unless_stopped(self._start(suite, seated, front, models)):
                await self._unless_stopped(self._keep_telling(suite))
        finally:
            if self._wishes.ready_file:
                self._wishes.ready_file.unlink(missing_ok=True)
            code = await suite.stop()
        return code

    async def _start(
        self, suite: Suite, seated: dict[str, Seat], front: list[Seat], models: list[Program]
    ) -> None:
        with waiting.shown(self._console, asyncio.get_running_loop().time) as awaited:
            await suite.start_redis(awaited)
            token = token_for(seated)
            programs = [
                service_program(
                    seat,
                    seated,
                    self._premises,
                    redis_url=suite.redis.url,
                    workers=self._wishes.workers,
                    service_token=token,
                )
                for seat in (*seated.values(), *front)
            ]
            await suite.start([*programs, *models], awaited)
            router = seated["router"]
            if first_key.wanted(router.settings):
                awaited(["the router to make the first administrator's key"])
                suite.admin_key = await first_key.make(router.address, self._premises.directory, token)
            if models:
                awaited(["the router to register the models"])
                await fleet.register(router.address, suite.whereabouts().models, token)

    async def _keep_telling(self, suite: Suite) -> None:
        """Write the ready file, and again when a process that was started anew lives elsewhere."""
        told: dict[str, Any] = {}
        while True:
            now = suite.whereabouts()
            if self._wishes.ready_file and now.document() != told:
                ready.write(self._wishes.ready_file, now.document())
            if not told:
                self._console.print("[bold]Turnout is up[/]")
                for line in now.lines():
                    self._say(line)
                if suite.admin_key:
                    self._say(f"Access is enforced. An administrator's key is in {suite.admin_key}.")
                self._say(f"Logs are in {self._premises.logs}. Ctrl-C drains it.")
            told = now.document()
            await asyncio.sleep(REFRESH_SECONDS)

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do the work until it is done or we are told to stop; whether it was done, and nobody told us."""
        working = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if working.done():
            working.result()
            # It may have been done in the same moment: a suite that is to end is not announced.
            return not self._stop.is_set()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return False

    def _told_to_stop(self, suite: Suite) -> None:
        if self._stop.is_set():
            self._say("told twice: everything is ended at once")
            self._killing = asyncio.get_running_loop().create_task(suite.kill())
        else:
            self._say("draining: who is called by nobody first, Redis last")
        self._stop.set()

    def _say(self, words: str) -> None:
        self._console.print(words, markup=False, highlight=False, soft_wrap=True)
