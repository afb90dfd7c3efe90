"""`python -m benchmarks.scale`: 10,000 routers of ten variants each in one process.

Prints what an idle router costs in memory, and the longest that the event loop is held up, in CPU time, while
changes that touch every router are taken in: all loaded at once, one model registered anew, one model
ejected, all asked again. CPU time of the thread, so that other work on the machine does not count.
"""

import asyncio
import gc
import os
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from turnout.router.v1 import model_pb2
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import ROUTER_STATE_RUNNING, Router

from services.foundation.metrics import Metrics
from services.foundation.telemetry import Telemetry
from services.models.pool import ModelPool
from services.router.config.defaults import with_defaults
from services.router.config.health import rules_of
from services.router.health.board import HealthBoard
from services.router.health.opening import introduce
from services.router.serving.loading import Loader
from services.router.serving.snapshot import Snapshot
from services.state.ids import new_uid

ROUTERS, VARIANTS, MODELS = 10_000, 10, 1_000
AIM_MS, AIM_KB = 5.0, 20.0


def model(number: int, version: str = "1") -> Model:
    """A model of ten columns."""
    made = Model(name=f"models/m{number}", uid=f"uid of m{number}", version=version)
    made.protocol = model_pb2.PROTOCOL_OIP_GRPC
    made.endpoints.add(address=f"127.0.0.1:{10_000 + number}")
    made.timeout.FromSeconds(1)
    for place in range(10):
        made.signature.features.add(name=f"feature {place}", kind=model_pb2.FEATURE_KIND_NUMERIC)
    return made


def router(number: int, rng: random.Random) -> bytes:
    """A router as Redis holds it: all of them have the first model."""
    given = Router(name=f"routers/r{number}", uid=new_uid(1.8e9 + number, rng), generation=1)
    given.state = ROUTER_STATE_RUNNING
    for place in range(VARIANTS):
        other = (number * VARIANTS + place) % MODELS
        given.variants.add(id=f"v{place}", model=f"m{other if place else 0}", weight=place + 1)
    return with_defaults(given).SerializeToString()


class Loop:
    """Measures how long the loop is held up: CPU time of the thread between two steps of it."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def during(self, work: Callable[[], Awaitable[None]]) -> float:
        """The longest step in milliseconds while `work` runs."""
        self.longest, task = 0.0, asyncio.ensure_future(work())
        while not task.done():
            before = time.thread_time()
            await asyncio.sleep(0)
            self.longest = max(self.longest, time.thread_time() - before)
        await task
        return self.longest * 1e3


class Bench:
    """A router process' loader, snapshot and health, without its server."""

    def __init__(self) -> None:
        rng, metrics = random.Random(1), Metrics()
        self.snapshot = Snapshot()
        self.board = HealthBoard(metrics)
        pool = ModelPool(Telemetry(rng=rng), rng)
        self.loader = Loader(self.snapshot, pool, metrics, rng, lambda: self.board.view)
        introduce(self.board, self.loader)
        self.stored = [router(number, rng) for number in range(ROUTERS)]
        for number in range(MODELS):
            made = model(number)
            self.loader.model_changed(None, made)
            self.board.hold(made.name, made.uid, rules_of(made))

    async def load(self) -> None:
        """As the catalog's follower does: read, told, and on."""
        for number, blob in enumerate(self.stored):
            made = Router.FromString(blob)
            self.loader.router_changed(made.uid, made)
            if number % 20 == 0:
                await asyncio.sleep(0)

    async def ask(self) -> None:
        """A prediction each, as they come in."""
        for number in range(ROUTERS):
            self.snapshot.serving(f"r{number}")
            await asyncio.sleep(0)

    async def register_anew(self) -> None:
        """The model that all of them have changes."""
        self.loader.model_changed(model(0), model(0, "2"))
        await self.snapshot.prove()

    async def eject(self) -> None:
        """And it fails."""
        for _ in range(5):
            self.board.note("models/m0", False, 0.1)
        await self.snapshot.prove()

    async def settle(self) -> None:
        """What a heartbeat asks for."""
        await self.snapshot.prove()
        assert len(self.snapshot.generations) == ROUTERS


async def measure() -> Table:
    """All steps in order."""
    bench, loop = Bench(), Loop()
    table = Table("step", "longest block, CPU ms", "garbage collected, CPU ms", "kB per router")
    before = resident()
    for name, work in (
        ("load", bench.load),
        ("report", bench.settle),
        ("first prediction of each", bench.ask),
        ("a model of all changes", bench.register_anew),
        ("asked again", bench.ask),
        ("a model of all is ejected", bench.eject),
        ("asked again", bench.ask),
    ):
        pauses = Pauses()
        longest = await loop.during(work)
        cost = (resident() - before) / ROUTERS
        table.add_row(name, f"{longest:.2f}", f"{pauses.end() * 1e3:.2f}", f"{cost:.1f}")
    return table


class Pauses:
    """The longest pause of the garbage collector, in seconds of CPU, until `end`."""

    def __init__(self) -> None:
        self._longest = self._began = 0.0
        gc.callbacks.append(self._told)

    def _told(self, phase: str, _info: object) -> None:
        if phase == "start":
            self._began = time.thread_time()
        else:
            self._longest = max(self._longest, time.thread_time() - self._began)

    def end(self) -> float:
        """Listen no more."""
        gc.callbacks.remove(self._told)
        return self._longest


def resident() -> float:
    """kB that the process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def main() -> None:
    """Measure and print."""
    console = Console()
    console.print(asyncio.run(measure()))
    console.print(f"aims: {AIM_MS:g} ms, and {AIM_KB:g} kB for a router that nobody asks")


if __name__ == "__main__":
    main()
