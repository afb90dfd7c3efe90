"""`make bench`: CPU per prediction of the router against bare grpc.aio servers, in one run.

(a) a bare echo, (b) a bare proxy to the same backend, (c) the router's Predict with weighted strategy, full
manifest, event log and metrics on. Rounds are interleaved and the least CPU of each counts, since other work
on the machine only ever adds. Writes build/bench.json.
"""

import asyncio
import dataclasses
import json
import os
import platform
import sys
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path

import grpc
from inference.open_inference_pb2 import ModelInferRequest
from rich.console import Console
from rich.table import Table
from turnout.router.v1.inference_service_pb2 import PredictRequest

from benchmarks import bare
from benchmarks.load import Measurement, drive
from benchmarks.suite import FEATURES, OTHERS, Process, on_core, router_process, started

REQUESTS, ROUNDS, IN_FLIGHT = 3_000, 5, 64
PREDICT = "/turnout.router.v1.InferenceService/Predict"
AIM = 1.5


def model_request() -> bytes:
    """What the router sends to the backend, and what the bare servers carry."""
    request = ModelInferRequest(model_name="canned-a")
    request.inputs.add(name="input", datatype="FP64", shape=[1, FEATURES])
    request.raw_input_contents.append(bytes(8 * FEATURES))
    return request.SerializeToString()


def predict_request() -> bytes:
    """The same question to the router: ten named numbers."""
    request = PredictRequest(router="bench")
    for place in range(FEATURES):
        request.input.tabular.numeric_features[f"feature {place}"] = place * 1.5
    return request.SerializeToString()


async def measure() -> dict[str, Measurement]:
    """Interleaved rounds over all targets; the best of each."""
    async with AsyncExitStack() as stack:
        # This process, which makes the load, and what it starts without being told otherwise.
        stack.enter_context(on_core(OTHERS))
        backend = await stack.enter_async_context(started("benchmarks.bare", "backend", core=OTHERS))
        upstream = ("--upstream", backend.address)
        targets: dict[str, tuple[Process, str, bytes]] = {
            "echo": (
                await stack.enter_async_context(started("benchmarks.bare", "echo")),
                bare.METHOD,
                model_request(),
            ),
            "proxy": (
                await stack.enter_async_context(started("benchmarks.bare", "proxy", *upstream)),
                bare.METHOD,
                model_request(),
            ),
            "router": (
                await stack.enter_async_context(router_process(backend.address)),
                PREDICT,
                predict_request(),
            ),
        }
        best: dict[str, Measurement] = {}
        for _ in range(ROUNDS):
            for name, (process, method, payload) in targets.items():
                seen = await drive(
                    process.address, method, payload, [process.pid], requests=REQUESTS, in_flight=IN_FLIGHT
                )
                if name not in best or seen.cpu_us < best[name].cpu_us:
                    best[name] = seen
        return best


def report(best: dict[str, Measurement]) -> dict[str, object]:
    """The JSON of the run: conditions, and per measurement the ratio to its floor."""
    floors = {"router": "proxy", "proxy": "echo"}
    rows: dict[str, object] = {}
    for name, seen in best.items():
        row: dict[str, object] = {key: round(value, 3) for key, value in dataclasses.asdict(seen).items()}
        if name in floors:
            row["floor"] = floors[name]
            row["ratio_to_floor"] = round(seen.cpu_us / best[floors[name]].cpu_us, 3)
        rows[name] = row
    conditions = {
        "python": platform.python_version(),
        "grpcio": grpc.__version__,
        "protobuf": version("protobuf"),
        "cores": os.cpu_count(),
        "requests": REQUESTS,
        "rounds": ROUNDS,
        "in_flight": IN_FLIGHT,
        "payload_bytes": {"bare": len(model_request()), "router": len(predict_request())},
    }
    return {"conditions": conditions, "measurements": rows}


def show(rows: dict[str, dict[str, float]]) -> None:
    """A table for people."""
    table = Table(title=f"CPU per request, best of {ROUNDS} rounds of {REQUESTS}, {IN_FLIGHT} in flight")
    for column in ("", "cpu µs", "p50 ms", "p99 ms", "req/s", "× floor"):
        table.add_column(column, justify="right")
    for name, row in rows.items():
        ratio = f"{row['ratio_to_floor']:.2f} of {row['floor']}" if "floor" in row else ""
        table.add_row(
            name,
            f"{row['cpu_us']:.0f}",
            f"{row['p50_ms']:.1f}",
            f"{row['p99_ms']:.1f}",
            f"{row['throughput']:.0f}",
            ratio,
        )
    Console().print(table)


def main() -> int:
    """Measure, print, write."""
    found = report(asyncio.run(measure()))
    rows = found["measurements"]
    assert isinstance(rows, dict)
    show(rows)
    target = Path("build/bench.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    ratio = rows["router"]["ratio_to_floor"]
    print(f"router / proxy = {ratio:.2f} (aim: at most {AIM}); written to {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
