"""`make bench`: CPU per prediction of the router against bare grpc.aio servers, in one run.

A bare echo; a bare proxy to the same backend, with ten doubles and with 64; and the router, with full
manifest, event log and metrics on: Predict over two models of ten numbers (weighted, sticky, bandit) and of
thirty with fifty CEL rules before them, and the Open Inference Protocol's door with a tensor of 64 doubles.
They take turns in short rounds, and what counts is the median over the rounds of the ratio within a round:
other work on the machine weighs on both sides of it. Writes build/bench.json.
"""

import asyncio
import dataclasses
import json
import os
import platform
import statistics
import sys
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path

import grpc
from rich.console import Console
from rich.table import Table

from benchmarks import bare
from benchmarks.load import Measurement, Target, drive, target
from benchmarks.routers import FEATURES, VALUES, model_request, predict_request
from benchmarks.suite import OTHERS, on_core, router_process, started

REQUESTS, ROUNDS, WARM_UP, IN_FLIGHT = 500, 20, 1_500, 64
PREDICT = "/turnout.router.v1.InferenceService/Predict"
# What each is measured against, and how much dearer it may be; the floors have no aim.
FLOORS = {
    "proxy": "echo",
    "weighted": "proxy",
    "sticky": "proxy",
    "bandit": "proxy",
    "rules": "proxy",
    "door": "proxy of 64",
}
AIMS = {"weighted": 1.3, "sticky": 1.3, "bandit": 1.3, "rules": 1.5, "door": 1.2}

# One of each target: the ratios within a round are of the same moment.
Round = dict[str, Measurement]


async def measure() -> list[Round]:
    """Rounds over all targets, each begun by the next in turn."""
    async with AsyncExitStack() as stack:
        # This process, which makes the load, and what it starts without being told otherwise.
        stack.enter_context(on_core(OTHERS))
        targets = await _targets(stack)
        for one in targets.values():
            await drive(one, WARM_UP, IN_FLIGHT)
        names = list(targets)
        rounds: list[Round] = []
        for turn in range(ROUNDS):
            first = turn % len(names)
            order = names[first:] + names[:first]
            rounds.append({name: await drive(targets[name], REQUESTS, IN_FLIGHT) for name in order})
        return rounds


async def _targets(stack: AsyncExitStack) -> dict[str, Target]:
    backend = await stack.enter_async_context(started("benchmarks.bare", "backend", core=OTHERS))
    echo = await stack.enter_async_context(started("benchmarks.bare", "echo"))
    upstream = ("--upstream", backend.address)
    proxy = await stack.enter_async_context(started("benchmarks.bare", "proxy", *upstream))
    router = await stack.enter_async_context(router_process(backend.address))
    few, many = model_request(FEATURES), model_request(VALUES)
    asked = {
        "echo": (echo, bare.METHOD, few),
        "proxy": (proxy, bare.METHOD, few),
        **{name: (router, PREDICT, predict_request(name)) for name in AIMS if name != "door"},
        "proxy of 64": (proxy, bare.METHOD, many),
        "door": (router, bare.METHOD, many),
    }
    return {
        name: await stack.enter_async_context(target(process.pid, process.address, method, payload))
        for name, (process, method, payload) in asked.items()
    }


def report(rounds: list[Round]) -> dict[str, object]:
    """The JSON of the run: conditions, and per measurement its medians and the ratio to its floor."""
    conditions = {
        "python": platform.python_version(),
        "grpcio": grpc.__version__,
        "protobuf": version("protobuf"),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "requests": REQUESTS,
        "rounds": len(rounds),
        "in_flight": IN_FLIGHT,
        "aims": AIMS,
    }
    return {"conditions": conditions, "measurements": {name: _row(name, rounds) for name in rounds[0]}}


def _row(name: str, rounds: list[Round]) -> dict[str, object]:
    fields = [field.name for field in dataclasses.fields(Measurement)]
    row: dict[str, object] = {
        field: round(statistics.median(getattr(one[name], field) for one in rounds), 3) for field in fields
    }
    if floor := FLOORS.get(name):
        ratios = [one[name].cpu_us / one[floor].cpu_us for one in rounds]
        low, middle, high = statistics.quantiles(ratios, n=4)
        row |= {"floor": floor, "ratio_to_floor": round(middle, 3)}
        row |= {"ratio_quartiles": [round(low, 3), round(high, 3)]}
        row |= {"ratio_range": [round(min(ratios), 3), round(max(ratios), 3)]}
    return row


def show(rows: dict[str, dict[str, float]]) -> None:
    """A table for people."""
    table = Table(title=f"CPU per request, median of {ROUNDS} rounds of {REQUESTS}, {IN_FLIGHT} in flight")
    for column in ("", "cpu µs", "p50 ms", "p99 ms", "req/s", "× floor", "middle half"):
        table.add_column(column, justify="right")
    for name, row in rows.items():
        ratio = f"{row['ratio_to_floor']:.2f} of {row['floor']}" if "floor" in row else ""
        spread = "{:.2f}-{:.2f}".format(*row["ratio_quartiles"]) if "floor" in row else ""  # type: ignore[misc]
        table.add_row(
            name,
            f"{row['cpu_us']:.0f}",
            f"{row['p50_ms']:.1f}",
            f"{row['p99_ms']:.1f}",
            f"{row['throughput']:.0f}",
            ratio,
            spread,
        )
    Console().print(table)


def main() -> int:
    """Measure, print, write."""
    found = report(asyncio.run(measure()))
    rows = found["measurements"]
    assert isinstance(rows, dict)
    show(rows)
    written = Path("build/bench.json")
    written.parent.mkdir(exist_ok=True)
    written.write_text(json.dumps(found, indent=2) + "\n")
    for name, aim in AIMS.items():
        floor, ratio = FLOORS[name], rows[name]["ratio_to_floor"]
        print(f"{name} / {floor} = {ratio:.2f} (aim: at most {aim}, {'held' if ratio <= aim else 'missed'})")
    print(f"written to {written}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
