"""Processes to measure: each started on free ports, each ended by its own id."""

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from benchmarks.routers import configure
from services.state.configs import ConfigStore
from services.state.connection import connect
from services.state.embedded import EmbeddedRedis
from services.state.kinds import MODELS, ROUTERS
from tests.waiting import eventually

START_SECONDS = 20.0
MEASURED, OTHERS = 0, 1
MEASURED_ROUTER = "routers/measured"
# A Redis that waits for a busy disk takes no events for a second or two, which then cost a spool as well.
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of this name is made there by tempfile


@dataclass(frozen=True)
class Process:
    """A process that answers at `address`, and says how it is at `page`, if it has one."""

    pid: int
    address: str
    page: str = ""

    def served(self, method: str) -> tuple[float, float]:
        """Calls of a method that it has answered, and their seconds from first byte to reply, by its own
        histogram."""
        with urlopen(self.page, timeout=5) as reply:  # noqa: S310 (our own)
            families = list(text_string_to_metric_families(reply.read().decode()))
        found = {
            sample.name.rpartition("_")[2]: sample.value
            for family in families
            if family.name == "turnout_rpc_duration_seconds"
            for sample in family.samples
            if sample.labels["method"].endswith(f"/{method}")
        }
        return found.get("count", 0.0), found.get("sum", 0.0)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes that are started here run on one core. What is measured gets the first, everything else the
    second: a server that shares a core with the load that drives it is measured with cold caches."""
    before, cores = os.sched_getaffinity(0), sorted(os.sched_getaffinity(os.getppid()))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[core]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@asynccontextmanager
async def started(module: str, *arguments: str, core: int = MEASURED) -> AsyncIterator[Process]:
    """`python -m module …` that prints its address as JSON; ended on the way out."""
    with on_core(core):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE
        )
    try:
        assert child.stdout is not None
        line = await asyncio.wait_for(child.stdout.readline(), START_SECONDS)
        yield Process(child.pid, json.loads(line)["address"])
    finally:
        child.terminate()
        await child.wait()


@asynccontextmanager
async def router_process(backend: str) -> AsyncIterator[Process]:
    """A router worker on an embedded Redis, with the routers that are measured."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        spool = {"SPOOL_DIR": str(Path(folder) / "spool")}
        async with (
            EmbeddedRedis(Path(folder) / "redis") as redis,
            service_process("router", folder, redis.url, **spool) as process,
        ):
            await configure(process.address, backend)
            yield process


@asynccontextmanager
async def aggregator_process(models: Iterable[Model]) -> AsyncIterator[Process]:
    """An aggregator worker on an embedded Redis, which knows these models, and MEASURED_ROUTER over them: it
    counts panels of routers that there are."""
    router = Router(name=MEASURED_ROUTER)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        async with EmbeddedRedis(Path(folder) / "redis") as redis:
            async with connect(redis.url) as connections:
                store = ConfigStore(connections, MODELS, time.time, random.Random(1))
                for model in models:
                    await store.create(model)
                    router.variants.add(id=model.name.removeprefix("models/"), model=model.name)
                await ConfigStore(connections, ROUTERS, time.time, random.Random(2)).create(router)
            async with service_process("aggregator", folder, redis.url) as process:
                yield process


@asynccontextmanager
async def service_process(name: str, folder: str, redis_url: str, **settings: str) -> AsyncIterator[Process]:
    """A worker of a service, with these settings."""
    announce = Path(folder) / "announce"
    settings |= {"REDIS_URL": redis_url, "PORT": "0", "METRICS_PORT": "0"}
    told = {f"TURNOUT_{name.upper()}_{key}": value for key, value in settings.items()}
    with on_core(MEASURED):
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{name}", "--announce", str(announce)),
            env={**os.environ, **told},
        )
    try:
        said = announce / f"{name}-0.json"
        await eventually(said.exists, within=START_SECONDS)
        told = json.loads(said.read_text())
        yield Process(child.pid, told["address"], told["metrics"])
    finally:
        child.terminate()
        await child.wait()
