"""A bounded load: so many requests, so many in flight, to one loopback address."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import numpy as np

Call = Callable[..., Awaitable[bytes]]

# CPUCLOCK_SCHED of linux/posix-timers.h: user and system time of all threads, to the nanosecond.
_SCHEDULED = 2


@dataclass(frozen=True)
class Measurement:
    """CPU microseconds of the measured process per request, latencies in ms, requests per second."""

    cpu_us: float
    p50_ms: float
    p99_ms: float
    throughput: float


@dataclass(frozen=True)
class Target:
    """A process under load: its channel stays open from round to round."""

    pid: int
    call: Call
    payload: bytes


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used so far.

    Not from /proc/<pid>/stat: its ticks of 10 ms are two percent of a short round.
    """
    return time.clock_gettime((~pid << 3) | _SCHEDULED)


@asynccontextmanager
async def target(pid: int, address: str, method: str, payload: bytes) -> AsyncIterator[Target]:
    """A process that answers `payload` at `address`."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield Target(pid, channel.unary_unary(method), payload)


async def drive(to: Target, requests: int, in_flight: int) -> Measurement:
    """Send `requests` copies of the payload, at most `in_flight` at a time; every reply must be OK."""
    latencies: list[float] = []
    left = iter(range(requests))

    async def one_after_another() -> None:
        for _ in left:
            started = time.perf_counter()
            await to.call(to.payload, timeout=20)
            latencies.append(time.perf_counter() - started)

    before, began = cpu_seconds(to.pid), time.perf_counter()
    await asyncio.gather(*(one_after_another() for _ in range(in_flight)))
    took = time.perf_counter() - began
    spent = cpu_seconds(to.pid) - before
    p50, p99 = np.percentile(latencies, [50, 99])
    return Measurement(spent / requests * 1e6, float(p50) * 1e3, float(p99) * 1e3, requests / took)
