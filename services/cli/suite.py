"""The suite as a whole: started in parallel, told healthy together, ended in an order that loses nothing."""

import asyncio
import signal
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from services.cli.child import Child, Program, ending
from services.cli.ready import Announced, Whereabouts, announced, by_process
from services.cli.redis import Server, whereabouts
from services.cli.waiting import Waiting
from services.foundation.announcement import Announcement
from services.foundation.errors import TurnoutError
from services.foundation.workers import WRONG_SETTINGS

START_SECONDS = 120.0
POLL_SECONDS = 0.1

# Who calls goes before who is called, and who writes before who is written to: what a router still holds must
# find its readers and Redis.
DRAIN_ORDER = (("gateway",), ("router",), ("aggregator", "feedback", "drift"))


# What a program that drains exits with, and one that lets SIGTERM end it.
CLEAN = (0, -signal.SIGTERM)


class StartError(RuntimeError):
    """A program did not become healthy; the message has its last words, `code` is the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Suite:
    """The processes of one suite. `say` tells people of deaths."""

    def __init__(self, announcements: Path, redis: Server, *, lock: int, say: Callable[[str], None]) -> None:
        self.redis = redis
        self.admin_key: Path | None = None
        """Where the first administrator's key is, if we made one."""
        self._announcements = announcements
        self._lock = lock
        self._say = say
        self._children: dict[str, Child] = {}
        self._known: dict[str, list[Announced]] = {}

    async def start_redis(self, waiting: Waiting) -> None:
        """Raises StartError."""
        waiting(["redis"])
        try:
            await self.redis.start()
        except TurnoutError as failed:
            raise StartError(failed.message) from failed
        if self.redis.pid:
            # For commands in this directory. Under our own pid: its own changes when it is started again.
            place = whereabouts(self.redis.url)
            Announcement(self._announcements, "redis", 0).publish(address=place, metrics="")

    async def start(self, programs: Iterable[Program], waiting: Waiting) -> None:
        """Start all and wait until every one is healthy. Raises StartError when one dies first, or late."""
        begun = []
        for program in programs:
            child = Child(program, lock=self._lock, say=self._say)
            self._children[program.name] = child
            child.start()
            begun.append(child)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_SECONDS
        while missing := self._missing(begun):
            waiting(missing)
            self._check(begun, missing if loop.time() > deadline else [])
            await asyncio.wait(
                {child.died for child in begun}, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED"
            )

    async def stop(self) -> int:
        """Drain all in order, Redis last; 1 if any could not do so cleanly, else 0."""
        in_order = [name for step in DRAIN_ORDER for name in step]
        others = tuple(name for name in self._children if name not in in_order)
        for step in (*DRAIN_ORDER, others):
            children = [self._children[name] for name in step if name in self._children]
            await asyncio.gather(*(child.stop() for child in children))
        await self.redis.stop()
        return int(any(child.code not in CLEAN for child in self._children.values()))

    async def kill(self) -> None:
        """End everything at once."""
        for child in self._children.values():
            child.kill()
        await self.redis.kill()

    def whereabouts(self) -> Whereabouts:
        """Where everything is. What is being started again stays where it was, as its ports are kept."""
        living = by_process(announced(self._announcements))
        self._known |= living
        known = self._known
        services = [name for step in DRAIN_ORDER for name in step if name in known]
        models = [name for name in known if name.startswith("models/")]
        pids = {name: [one.pid for one in workers] for name, workers in living.items()}
        return Whereabouts(
            {name: known[name][0].address for name in services},
            {name: [worker.metrics for worker in known[name]] for name in services},
            self.redis.url,
            {name: known[name][0].address for name in models},
            {name: known[name][0].control for name in models},
            pids | ({"redis": [self.redis.pid]} if self.redis.pid else {}),
            str(self.admin_key or ""),
        )

    def _missing(self, children: Sequence[Child]) -> list[str]:
        found = by_process(announced(self._announcements))
        awaited = (
            (name, child.program.workers)
            for child in children
            for name in child.program.announces or (child.program.name,)
        )
        return [name for name, workers in awaited if len(found.get(name, ())) < workers]

    def _check(self, children: Sequence[Child], late: Sequence[str]) -> None:
        for child in children:
            name, words = child.program.name, child.last_words()
            if child.died.done():
                if failed := child.died.exception():
                    raise StartError(f"{name} cannot be started: {failed}")
                code = child.died.result()
                raise StartError(
                    f"{name} {ending(code)} while it started; it said:\n{words}",
                    code if code == WRONG_SETTINGS else 1,
                )
        if late:
            raise StartError(f"{', '.join(late)} did not become healthy within {START_SECONDS:g} s")
