"""What taking feedback in costs: `python -m benchmarks.feedback`.

CPU per RecordFeedback, against a bare grpc.aio server that runs the same script once a call, and per item of
an import, by turns in rounds of one run, with the append-only file synced at every write; and what Redis
holds of a router's rewards. Writes build/feedback.json.
"""

import asyncio
import itertools
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import uvloop
from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from benchmarks.feedback_floor import METHOD
from benchmarks.load import cpu_seconds
from benchmarks.suite import MEMORY, Process, service_process, started
from services.state import ids, keys
from services.state.configs import ConfigStore
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.fenced import Fence
from services.state.kinds import MODELS, ROUTERS
from services.state.records import RecordWriter
from services.state.rewards import APPLY_REWARD
from tests.feedback import recorded

ROUNDS, REQUESTS, WARM_UP, IN_FLIGHT = 24, 500, 1_000, 64
ITEMS, OF_MESSAGE = 2_000, 500
AIM_SINGLE, AIM_IMPORT = 1.3, 10.0
SERVICE = "/turnout.feedback.v1.FeedbackService"
WRITTEN = Path("build/feedback.json")

Call = Callable[..., Awaitable[bytes]]


@dataclass
class Stage:
    """The processes, and the router whose predictions are rewarded."""

    connections: Connections
    uid: str
    ours: Process
    floor: Process
    redis: int
    numbers: Iterator[int]

    async def predictions(self, count: int) -> list[str]:
        """Recorded predictions of the router, made now."""
        partition = ids.partition_for(self.uid)
        made = [
            recorded.event(
                recorded.prediction_id(next(self.numbers), time.time() - 60, partition),
                "ab"[number % 2],
                uid=self.uid,
            )
            for number in range(count)
        ]
        fence = Fence.of(partition, "drift", 1)
        await self.connections.steady.set(fence.key, fence.token)
        for at in range(0, count, 500):
            await RecordWriter(self.connections).write(partition, fence, "1-0", made[at : at + 500])
        return [event.manifest.prediction_id for event in made]


async def staged(stack: AsyncExitStack) -> Stage:
    """Everything that is measured."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None))
    redis = await stack.enter_async_context(EmbeddedRedis(Path(folder) / "redis", fsync="always"))
    connections = await stack.enter_async_context(connect(redis.url))
    for name in ("models/a", "models/b"):
        await ConfigStore(connections, MODELS, time.time, random.Random(1)).create(Model(name=name))
    routers = ConfigStore(connections, ROUTERS, time.time, random.Random(2))
    router = (await routers.create(recorded.router(uid=""))).message
    ours = await stack.enter_async_context(service_process("feedback", folder, redis.url))
    digest = await connections.steady.script_load(APPLY_REWARD.source)
    floor = await stack.enter_async_context(
        started("benchmarks.feedback_floor", "--redis", redis.url, "--digest", digest)
    )
    assert redis.pid
    return Stage(connections, router.uid, ours, floor, redis.pid, itertools.count())


async def spent(process: Process, redis: int, work: Awaitable[object]) -> tuple[float, float]:
    """Seconds of CPU of the process, and of Redis."""
    before = cpu_seconds(process.pid), cpu_seconds(redis)
    await work
    return cpu_seconds(process.pid) - before[0], cpu_seconds(redis) - before[1]


async def drive(call: Call, payloads: Sequence[bytes]) -> None:
    """Send each once, IN_FLIGHT at a time."""
    left = iter(payloads)

    async def one_after_another() -> None:
        for payload in left:
            await call(payload, timeout=20)

    await asyncio.gather(*(one_after_another() for _ in range(IN_FLIGHT)))


class Round(NamedTuple):
    """Microseconds of CPU of a call, of one of the bare server, and of an item; and of Redis under each.
    items: how many were imported in a second by the clock."""

    ours: float
    floor: float
    item: float
    redis: float
    floor_redis: float
    item_redis: float
    items: float


async def rounds(stage: Stage) -> list[Round]:
    """What each of them found."""
    found = []
    async with (
        grpc.aio.insecure_channel(stage.ours.address) as ours,
        grpc.aio.insecure_channel(stage.floor.address) as floor,
    ):
        record: Call = ours.unary_unary(f"{SERVICE}/RecordFeedback")
        bare: Call = floor.unary_unary(METHOD)
        for turn in range(-1, ROUNDS):
            names = await stage.predictions(REQUESTS if turn >= 0 else WARM_UP)
            told = [
                rpc.RecordFeedbackRequest(prediction_id=name, reward=0.5).SerializeToString()
                for name in names
            ]
            both = [(stage.ours, record, told), (stage.floor, bare, [name.encode() for name in names])]
            # In turns also who is first: whoever comes second finds Redis' caches warm.
            taken = [
                await spent(process, stage.redis, drive(call, payloads))
                for process, call, payloads in both[:: -1 if turn % 2 else 1]
            ]
            one, other = taken[:: -1 if turn % 2 else 1]
            item, item_redis, items = await imported(stage)
            if turn >= 0:
                single, bare_one, under, under_bare = (
                    each / REQUESTS * 1e6 for each in (one[0], other[0], one[1], other[1])
                )
                found.append(Round(single, bare_one, item, under, under_bare, item_redis, items))
    return found


async def imported(stage: Stage) -> tuple[float, float, float]:
    """Microseconds of CPU per item of an import, of the process and of Redis, and items per second."""
    names = await stage.predictions(ITEMS)
    items = [rpc.RecordFeedbackRequest(prediction_id=name, reward=0.5) for name in names]
    messages = [
        rpc.ImportFeedbackRequest(items=items[at : at + OF_MESSAGE]).SerializeToString()
        for at in range(0, ITEMS, OF_MESSAGE)
    ]

    async def stream() -> AsyncIterator[bytes]:
        for message in messages:
            yield message

    async with grpc.aio.insecure_channel(stage.ours.address) as channel:
        call: Any = channel.stream_unary(f"{SERVICE}/ImportFeedback")
        replies: list[bytes] = []

        async def send() -> None:
            replies.append(await call(stream(), timeout=120))

        began = time.perf_counter()
        ours, redis = await spent(stage.ours, stage.redis, send())
        took = time.perf_counter() - began
    reply = rpc.ImportFeedbackResponse.FromString(replies[0])
    assert dict(reply.counts) == {"ACCEPTED": ITEMS}, reply
    return ours / ITEMS * 1e6, redis / ITEMS * 1e6, ITEMS / took


async def memory(stage: Stage) -> dict[str, float]:
    """Bytes that Redis holds: of an arm with a full window, of a router's sums, of one report."""
    partition, redis = ids.partition_for(stage.uid), stage.connections.steady
    learner = (partition, stage.uid, "accuracy")
    reports = bytes_ = 0
    async for key in redis.scan_iter(match=keys.reports_applied(partition, 0)[:-1] + "*"):
        reports += await redis.hlen(key)
        bytes_ += await redis.memory_usage(key, samples=0) or 0
    return {
        "window_of_an_arm": await redis.memory_usage(keys.arm_window(*learner, "a")) or 0,
        "sums_of_a_router": await redis.memory_usage(keys.arms(*learner)) or 0,
        "one_report": bytes_ / reports,
    }


def report(found: Sequence[Round], held: dict[str, float]) -> dict[str, object]:
    """Print what was found; the JSON of it."""
    low, middle, high = statistics.quantiles([one.ours / one.floor for one in found], n=4)
    whole = statistics.median((one.ours + one.redis) / (one.floor + one.floor_redis) for one in found)
    few, times, many = statistics.quantiles([one.ours / one.item for one in found], n=4)
    mid = Round(*(statistics.median(one) for one in zip(*found, strict=True)))
    print(f"RecordFeedback: {mid.ours:.0f} µs of CPU; bare server and one script: {mid.floor:.0f} µs")
    print(f"  ratio {middle:.2f} (middle half {low:.2f}-{high:.2f}; aim: at most {AIM_SINGLE})")
    print(f"  Redis under it: {mid.redis:.0f} µs; under the floor {mid.floor_redis:.0f} µs")
    print(f"  ratio {whole:.2f} with Redis on both sides")
    print(
        f"ImportFeedback: {mid.item:.0f} µs an item, Redis {mid.item_redis:.0f} µs; {mid.items:,.0f} items/s"
    )
    print(
        f"  {times:.1f} items for the CPU of a call (middle half {few:.1f}-{many:.1f}; aim: {AIM_IMPORT:g})"
    )
    print(f"Redis holds: {', '.join(f'{name} {size:,.0f} bytes' for name, size in held.items())}")
    return {
        "conditions": {"cores": os.cpu_count(), "in_flight": IN_FLIGHT, "appendfsync": "always"},
        "record_feedback": {
            "cpu_us": mid.ours,
            "floor": "grpc.aio and one EVALSHA",
            "floor_cpu_us": mid.floor,
            "ratio_to_floor": middle,
            "ratio_with_redis": whole,
            "redis_cpu_us": mid.redis,
            "floor_redis_cpu_us": mid.floor_redis,
        },
        "import_feedback": {
            "cpu_us": mid.item,
            "redis_cpu_us": mid.item_redis,
            "throughput": mid.items,
            "items_per_single_call": times,
        },
        "redis_bytes": held,
    }


async def measure() -> None:
    """Measure, print and write."""
    async with AsyncExitStack() as stack:
        stage = await staged(stack)
        told = report(await rounds(stage), await memory(stage))
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    uvloop.run(measure())
