"""What asking three members at once costs: `python -m benchmarks.infer [--inferences N]`.

CPU per prediction of the aggregator, with attribution, metrics and panels on, against a bare grpc.aio server
that makes the same three calls concurrently, in turns within one run; how much longer a prediction takes than
the slowest member whose answer counted; and the memory of the aggregator while one member hangs (10,000
inferences; the full run is `--inferences 100000`). Writes build/infer.json.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import grpc
import numpy as np
from turnout.aggregator.v1.aggregator_service_pb2 import InferRequest, InferResponse, Member, Plan
from turnout.inference.v1.manifest_pb2 import OUTCOME_CONTRIBUTED, OUTCOME_TIMED_OUT

from benchmarks import bare
from benchmarks.load import Target, drive, target
from benchmarks.routers import FEATURES, canned_model, model_request
from benchmarks.suite import MEASURED_ROUTER, OTHERS, Process, aggregator_process, on_core, started

INFER = "/turnout.aggregator.v1.AggregatorService/Infer"
ROUNDS, REQUESTS, WARM_UP, IN_FLIGHT = 20, 300, 1_000, 64
WAITS, DELAYS = 300, ("0.005", "0.01", "0.02")
MEMBER_SECONDS, PARTS = 0.05, 10
AIM_CPU, AIM_WALL = 1.4, (1.1, 2.0)
WRITTEN = Path("build/infer.json")


class Wall(NamedTuple):
    """99th percentiles in milliseconds: of predictions, of their slowest counted members, of what lies
    between the two, of three bare calls in turn with them; and what the first may be, given the second."""

    prediction: float
    slowest: float
    between: float
    bare: float
    allowed: float


def jury(members: Sequence[str], seconds: float = 5.0) -> bytes:
    """A row of ten numbers for these members, each with so much time."""
    plan = Plan(members=[Member(model=f"models/{name}") for name in members])
    plan.ensemble.member_timeout.FromNanoseconds(int(seconds * 1e9))
    request = InferRequest(plan=plan, router=MEASURED_ROUTER)
    for place in range(FEATURES):
        request.input.tabular.numeric_features[f"f{place}"] = place * 1.5
    return request.SerializeToString()


@asynccontextmanager
async def aggregator(*backends: Sequence[str]) -> AsyncIterator[tuple[Process, list[str], list[str]]]:
    """An aggregator and its members, each a bare server started with these arguments: the process, the names
    of the models and their addresses."""
    async with AsyncExitStack() as stack:
        stack.enter_context(on_core(OTHERS))
        addresses = [
            (await stack.enter_async_context(started("benchmarks.bare", *one, core=OTHERS))).address
            for one in backends
        ]
        names = [f"m{place}" for place in range(len(addresses))]
        models = [
            canned_model(name, FEATURES, address) for name, address in zip(names, addresses, strict=True)
        ]
        yield await stack.enter_async_context(aggregator_process(models)), names, addresses


async def cpu() -> list[tuple[float, float]]:
    """(aggregator, bare), CPU microseconds per prediction, of every round."""
    async with (
        aggregator(*[["backend"]] * 3) as (process, names, addresses),
        _target(process, names) as ours,
        _fan(addresses) as floor,
    ):
        reply = InferResponse.FromString(await ours.call(ours.payload, timeout=20))
        assert [one.outcome for one in reply.participants] == [OUTCOME_CONTRIBUTED] * 3, reply
        for one in (ours, floor):
            await drive(one, WARM_UP, IN_FLIGHT)
        found = []
        for turn in range(ROUNDS):
            order = [ours, floor] if turn % 2 else [floor, ours]
            spent = {one: (await drive(one, REQUESTS, IN_FLIGHT)).cpu_us for one in order}
            found.append((spent[ours], spent[floor]))
        return found


async def wall() -> Wall:
    """One prediction at a time, of members that take 5, 10 and 20 ms."""
    backends = [["backend", "--delay", delay] for delay in DELAYS]
    async with (
        aggregator(*backends) as (process, names, addresses),
        _target(process, names) as to,
        _fan(addresses) as floor,
    ):
        times = [(*(await _timed(to)), *(await _timed(floor))) for _ in range(WAITS)]
    predictions = [one[0] for one in times]
    slowest = [_slowest(InferResponse.FromString(one[1])) for one in times]
    between = np.subtract(predictions, slowest)
    bares = [one[2] for one in times]
    whole, member, rest, three = (
        float(np.percentile(one, 99)) for one in (predictions, slowest, between, bares)
    )
    factor, more = AIM_WALL
    return Wall(whole, member, rest, three, factor * member + more)


async def _timed(to: Target) -> tuple[float, bytes]:
    """Milliseconds and the reply."""
    began = time.perf_counter()
    reply = await to.call(to.payload, timeout=20)
    return (time.perf_counter() - began) * 1e3, reply


def _slowest(reply: InferResponse) -> float:
    """Milliseconds of the slowest member whose answer counted."""
    counted = [one for one in reply.participants if one.outcome == OUTCOME_CONTRIBUTED]
    return max(one.latency.ToNanoseconds() for one in counted) / 1e6


@asynccontextmanager
async def _fan(addresses: Sequence[str]) -> AsyncIterator[Target]:
    """A bare server that makes the same calls."""
    async with (
        started("benchmarks.bare", "fan", "--upstream", ",".join(addresses)) as fan,
        target(fan.pid, fan.address, bare.METHOD, model_request(FEATURES)) as to,
    ):
        yield to


def _target(
    process: Process, names: Sequence[str], seconds: float = 5.0
) -> AbstractAsyncContextManager[Target]:
    return target(process.pid, process.address, INFER, jury(names, seconds))


async def memory(inferences: int) -> list[float]:
    """MiB that the aggregator holds after each tenth of the inferences, of which every one gives up on a
    member that hangs; the first number is after a warm-up of a tenth."""
    async with (
        aggregator(["backend"], ["backend"], ["hang"]) as (process, names, _),
        _target(process, names, MEMBER_SECONDS) as to,
    ):
        reply = InferResponse.FromString(await to.call(to.payload, timeout=20))
        assert [one.outcome for one in reply.participants][2] == OUTCOME_TIMED_OUT, reply
        held = []
        for _ in range(PARTS + 1):
            await drive(to, inferences // PARTS, IN_FLIGHT)
            held.append(resident(process.pid))
        return held


def resident(pid: int) -> float:
    """MiB of memory that a process holds, without what it shares with files."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGESIZE") / 2**20


def report(rounds: Sequence[tuple[float, float]], waited: Wall, held: Sequence[float]) -> dict[str, object]:
    """Print what was found; the JSON of it."""
    ratios = [ours / floor for ours, floor in rounds]
    low, middle, high = statistics.quantiles(ratios, n=4)
    ours, floor = (statistics.median(one) for one in zip(*rounds, strict=True))
    print(f"Infer of 3 members: {ours:.0f} µs of CPU; three bare calls: {floor:.0f} µs")
    print(
        f"  ratio {middle:.2f} (middle half {low:.2f}-{high:.2f}; aim: at most {AIM_CPU},"
        f" {'held' if middle <= AIM_CPU else 'missed'})"
    )
    print(
        f"p99 {waited.prediction:.1f} ms, of the slowest counted member {waited.slowest:.1f} ms, of what lies"
        f" between {waited.between:.1f} ms, of three bare calls {waited.bare:.1f} ms"
        f" (aim: at most {waited.allowed:.1f} ms,"
        f" {'held' if waited.prediction <= waited.allowed else 'missed'})"
    )
    print(f"MiB held while a member hangs, tenth by tenth: {' '.join(f'{one:.1f}' for one in held)}")
    return {
        "conditions": {"grpcio": grpc.__version__, "cores": os.cpu_count(), "load": os.getloadavg()[0]},
        "cpu_us": {"infer": ours, "bare": floor, "ratio": middle, "quartiles": [low, high], "aim": AIM_CPU},
        "wall_ms": waited._asdict(),
        "resident_mib": held,
    }


def main() -> None:
    """Measure, print, write."""
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--inferences", type=int, default=10_000, help="while a member hangs")
    inferences = told.parse_args().inferences
    found = report(asyncio.run(cpu()), asyncio.run(wall()), asyncio.run(memory(inferences)))
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_text(json.dumps({**found, "inferences": inferences}, indent=2) + "\n")


if __name__ == "__main__":
    main()
