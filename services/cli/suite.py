"""The suite as a whole: started in parallel, told healthy together, ended in an order that loses nothing."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from services.cli.child import Child, Program, ending
from services.cli.ready import Announced, Whereabouts, announced, by_process

START_SECONDS = 120.0
POLL_SECONDS = 0.1

# Who writes goes before who is written to: what a router still holds must find its readers and Redis.
DRAIN_ORDER = (("router",), ("aggregator", "feedback", "drift"))


class StartError(RuntimeError):
    """A program did not become healthy; the message has its last words. `code` is the exit code to end with."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Suite:
    """The processes of one suite. `redis_url` is where it stands, whether ours or somebody else's."""

    def __init__(
        self, announcements: Path, *, redis_url: str, lock: int, say: Callable[[str], None]
    ) -> None:
        self.redis_url = redis_url
        self._announcements = announcements
        self._lock = lock
        self._say = say
        self._children: dict[str, Child] = {}

    async def start(self, programs: Iterable[Program]) -> None:
        """Start all and wait until every one is healthy. Raises StartError when one dies first or the time is up."""
        begun = []
        for program in programs:
            child = Child(program, lock=self._lock, say=self._say)
            self._children[program.name] = child
            child.start()
            begun.append(child)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_SECONDS
        while not self._are_healthy(begun):
            self._check(begun, late=loop.time() > deadline)
            await asyncio.wait({child.died for child in begun}, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")

    async def stop(self) -> int:
        """Drain all in order; 1 if any could not do so cleanly, else 0."""
        last = [name for name in self._children if not any(name in step for step in DRAIN_ORDER)]
        # Redis is the first to have been started, and the last to go.
        for step in (*DRAIN_ORDER, last[1:], last[:1]):
            children = [self._children[name] for name in step if name in self._children]
            await asyncio.gather(*(child.stop() for child in children))
        return int(any(child.code not in (0, -15) for child in self._children.values()))

    def kill(self) -> None:
        """End everything at once."""
        for child in self._children.values():
            child.kill()

    def whereabouts(self, models: Sequence[str] = ()) -> Whereabouts:
        """Where everything is now; `models` are the programs that serve models."""
        found = by_process(announced(self._announcements))
        services = {name: found[name][0].address for step in DRAIN_ORDER for name in step if name in found}
        return Whereabouts(
            services,
            {name: [worker.metrics for worker in found[name]] for name in services},
            self.redis_url,
            {model: found[model][0].address for model in models if model in found},
            self._pids(found),
        )

    def _pids(self, found: Mapping[str, Sequence[Announced]]) -> dict[str, list[int]]:
        ours = {name: [child.pid] for name, child in self._children.items() if child.pid}
        return {**ours, **{name: [worker.pid for worker in workers] for name, workers in found.items()}}

    def _are_healthy(self, children: Sequence[Child]) -> bool:
        found = by_process(announced(self._announcements))
        return all(
            child.program.healthy() if child.program.healthy else len(found.get(child.program.name, ())) >= child.program.workers
            for child in children
        )

    def _check(self, children: Sequence[Child], *, late: bool) -> None:
        for child in children:
            name, words = child.program.name, child.last_words()
            if child.died.done():
                code = child.died.result()
                raise StartError(f"{name} {ending(code)} while it started; it said:\n{words}", code if code == 2 else 1)
        if late:
            waiting = ", ".join(child.program.name for child in children)
            raise StartError(f"not all of {waiting} became healthy within {START_SECONDS:g} s")
