"""What watching a model costs: `python -m benchmarks.drift_speed` writes build/drift_speed.json.

Of a model with 20 numbers and 5 categories: CPU and time of Analyze in a drift process, over a day and over
90 days, where 10^4 and where 10^8 rows were logged, in turns within one run; CPU of folding rows into
profiles, per value; and what Redis holds of it.
"""

import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
from turnout.drift.v1 import drift_service_pb2
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest
from turnout.drift.v1.baseline_pb2 import CategoricalColumn, Columns, NumericColumn
from turnout.drift.v1.baseline_rpc_pb2 import CreateBaselineRequest
from turnout.router.v1.model_pb2 import Model

from benchmarks.drift_folding import CATEGORIES, NUMBERS, SEED, WORDS, ingested
from benchmarks.load import cpu_seconds
from benchmarks.suite import MEMORY, Process, service_process
from services.drift.baseline_store import BaselineStore
from services.drift.baselines import Baseline
from services.drift.buckets import RESOLUTIONS, Bucket, cover
from services.drift.cells.blob import Profile
from services.drift.profile_store import ProfileStore
from services.foundation.client import Client
from services.state import drift_keys
from services.state.configs import ConfigStore
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.fenced import Fence
from services.state.ids import partition_for
from services.state.kinds import MODELS

BASELINE_ROWS = 10_000
LOGGED = {"few": 10**4, "many": 10**8}
DAYS = 90
ROUNDS, CALLS = 12, 25
SERVICE = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name
WRITTEN = Path("build/drift_speed.json")
AIMS = {"analyze_served_ms": 5.0, "window_90d_ms": 10.0, "ingest_ns": 100.0, "redis_bytes_per_hour": 26_000}


def columns(rng: np.random.Generator) -> Columns:
    """What the model saw when all was well."""
    values = rng.normal(size=(len(NUMBERS), BASELINE_ROWS)).tolist()
    words = rng.integers(CATEGORIES, size=(len(WORDS), BASELINE_ROWS))
    return Columns(
        numeric={name: NumericColumn(values=column) for name, column in zip(NUMBERS, values, strict=True)},
        categorical={
            name: CategoricalColumn(values=[f"v{word}" for word in column])
            for name, column in zip(WORDS, words, strict=True)
        },
    )


def buckets_of(resolution: int, now: float) -> list[Bucket]:
    """Every bucket of a resolution that is kept."""
    of = RESOLUTIONS[resolution]
    last = int(now // of.seconds) * of.seconds
    return [Bucket(of.name, last - place * of.seconds) for place in range(of.retention // of.seconds)]


def profile(rng: np.random.Generator, baseline: Baseline, rows: int) -> Profile:
    """The counts of so many rows that are distributed as the baseline is."""
    parts = []
    for feature in baseline.features:
        counts = feature.tally.columns
        parts.append(rng.multinomial(rows, counts / counts.sum()))
    return Profile("1-1", rows, np.concatenate(parts).astype(np.int64), {})


async def filled(connections: Connections, baseline: Baseline, logged: int, now: float) -> None:
    """Profiles of so many rows in 90 days, in every bucket that is kept."""
    rng, partition = np.random.default_rng([SEED, logged]), partition_for(baseline.model_uid)
    fence = Fence.of(partition, "drift", 1)
    # In the name of whoever leads the partition, who has nothing to write: no events are logged here.
    fence = fence._replace(token=(await connections.steady.get(fence.key) or b"").decode())
    store = ProfileStore(connections)
    for index, resolution in enumerate(RESOLUTIONS):
        rows = max(1, logged * resolution.seconds // (DAYS * 86_400))
        profiles = {bucket: profile(rng, baseline, rows) for bucket in buckets_of(index, now)}
        await store.write(partition, fence, baseline, profiles, now)


async def prepared(connections: Connections, ask: Callable[..., Any], now: float) -> dict[str, Baseline]:
    """A model of few logged rows and one of many, each with a baseline."""
    found = {}
    for name, logged in LOGGED.items():
        model = (
            await ConfigStore(connections, MODELS, time.time, random.Random(name)).create(
                Model(name=f"models/{name}")
            )
        ).message
        request = CreateBaselineRequest(model=name, columns=columns(np.random.default_rng(SEED)))
        await ask("CreateBaseline", request)
        found[name] = await BaselineStore(connections).get_active(model.name, model.uid)
        await filled(connections, found[name], logged, now)
    return found


async def analysed(ask: Callable[..., Any], process: Process, now: float) -> dict[str, dict[str, float]]:
    """An Analyze in milliseconds, by window and rows logged: CPU of the process with all that it does
    meanwhile, its own word on how long it served, and the time that a caller waits."""
    spans = {"day": 86_400.0, "90 days": DAYS * 86_400.0 - 7_200}
    taken: dict[str, list[tuple[float, float, float]]] = {}
    for turn in range(-1, ROUNDS):
        for (span, seconds), name in ((span, name) for span in spans.items() for name in LOGGED):
            (calls, served), before, walls = process.served("Analyze"), cpu_seconds(process.pid), []
            for call in range(CALLS):
                # A minute after the last one, as they come in life: most of the window is the same.
                request, end = AnalyzeRequest(model=name), int(now) - 60 * (CALLS - call)
                request.start_time.FromSeconds(int(end - seconds))
                request.end_time.FromSeconds(end)
                began = time.perf_counter()
                await ask("Analyze", request)
                walls.append(time.perf_counter() - began)
            spent = (cpu_seconds(process.pid) - before) / CALLS
            now_calls, now_served = process.served("Analyze")
            own = (now_served - served) / (now_calls - calls)
            if turn >= 0:
                found = (spent * 1e3, own * 1e3, statistics.median(walls) * 1e3)
                taken.setdefault(f"{span}, {name}", []).append(found)
    return {
        key: dict(
            zip(
                ("cpu_ms", "served_ms", "p50_ms"),
                map(statistics.median, zip(*some, strict=True)),
                strict=True,
            )
        )
        for key, some in taken.items()
    }


async def read(connections: Connections, baseline: Baseline, now: float) -> float:
    """Milliseconds to read and sum the profiles of 90 days, for who has read none of them before."""
    window = cover(now - DAYS * 86_400 + 7_200, now, now)
    walls = []
    for _ in range(60):
        store, began = ProfileStore(connections), time.perf_counter()
        await store.window(baseline, window)
        walls.append(time.perf_counter() - began)
    return statistics.median(walls) * 1e3


async def held(connections: Connections, baseline: Baseline, now: float) -> dict[str, float]:
    """Bytes that Redis holds of a bucket of each resolution, and of all of them by the hour of 90 days."""
    partition, total, found = partition_for(baseline.model_uid), 0.0, {}
    for index, resolution in enumerate(RESOLUTIONS):
        of = buckets_of(index, now)
        key = drift_keys.profile(partition, baseline.uid, of[len(of) // 2].name)
        found[resolution.name] = float(await connections.steady.memory_usage(key, samples=0) or 0)
        total += found[resolution.name] * len(of)
    return found | {"all, per hour of 90 days": total / (DAYS * 24)}


async def measured() -> dict[str, Any]:
    """Everything."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None))
        redis = await stack.enter_async_context(EmbeddedRedis(Path(folder) / "redis"))
        connections = await stack.enter_async_context(connect(redis.url))
        process = await stack.enter_async_context(service_process("drift", folder, redis.url))
        client = Client(process.address)
        stack.push_async_callback(client.close)

        async def ask(method: str, request: Any) -> Any:
            return await client.unary(SERVICE, method)(request, timeout=30)

        now = time.time()
        baselines = await prepared(connections, ask, now)
        return {
            "analyze": await analysed(ask, process, now),
            "read_90_days_ms": await read(connections, baselines["many"], now),
            "redis_bytes": await held(connections, baselines["many"], now),
            "ingest_ns_per_value": ingested(baselines["many"]),
        }


def main() -> None:
    """Measure, print, write."""
    found = asyncio.run(measured())
    for window, taken in found["analyze"].items():
        cpu, served, wall = (taken[name] for name in ("cpu_ms", "served_ms", "p50_ms"))
        print(
            f"Analyze, {window}: served in {served:.2f} ms (aim: 5), {cpu:.2f} ms of CPU, p50 {wall:.2f} ms"
        )
    print(f"Profiles of 90 days, read and summed: {found['read_90_days_ms']:.2f} ms (aim: at most 10)")
    print("Redis: " + ", ".join(f"{name} {size:,.0f} bytes" for name, size in found["redis_bytes"].items()))
    for name, nanoseconds in found["ingest_ns_per_value"].items():
        print(f"Ingest of {name}: {nanoseconds:.0f} ns per value (aim: at most 100)")
    WRITTEN.parent.mkdir(exist_ok=True)
    conditions = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "logged": LOGGED, "features": 25}
    WRITTEN.write_text(json.dumps({**found, "aims": AIMS, "conditions": conditions}, indent=2) + "\n")


if __name__ == "__main__":
    main()
