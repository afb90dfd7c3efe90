"""A bounded load: so many requests, so many in flight, to one loopback address."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measurement:
    """CPU microseconds of the measured processes per request, latencies in ms, requests per second."""

    cpu_us: float
    p50_ms: float
    p99_ms: float
    throughput: float


def cpu_seconds(pids: list[int]) -> float:
    """User and system time that the processes have used so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


async def drive(
    address: str, method: str, payload: bytes, pids: list[int], *, requests: int, in_flight: int = 64
) -> Measurement:
    """Send `requests` copies of `payload`, at most `in_flight` at a time; every reply must be OK."""
    latencies: list[float] = []
    async with grpc.aio.insecure_channel(address) as channel:
        call: Callable[..., Awaitable[bytes]] = channel.unary_unary(method)
        await _spend(call, payload, requests // 5, in_flight, [])
        before, started = cpu_seconds(pids), time.perf_counter()
        await _spend(call, payload, requests, in_flight, latencies)
        took = time.perf_counter() - started
    spent = cpu_seconds(pids) - before
    p50, p99 = np.percentile(latencies, [50, 99])
    return Measurement(spent / requests * 1e6, p50 * 1e3, p99 * 1e3, requests / took)


async def _spend(
    call: Callable[..., Awaitable[bytes]],
    payload: bytes,
    requests: int,
    in_flight: int,
    latencies: list[float],
) -> None:
    left = iter(range(requests))

    async def one_after_another() -> None:
        for _ in left:
            started = time.perf_counter()
            await call(payload, timeout=20)
            latencies.append(time.perf_counter() - started)

    await asyncio.gather(*(one_after_another() for _ in range(in_flight)))
