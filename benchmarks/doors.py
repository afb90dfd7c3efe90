"""What the Open Inference Protocol's door costs beside a bare proxy: `python -m benchmarks.doors`.

The same inference, a tensor of 64 doubles, goes through the bare proxy and through a router that answers it
with a weighted draw, ids, event log and metrics on, in rounds that alternate; what counts is the median of
the ratios within a round. Writes build/doors.json.
"""

import asyncio
import json
import os
import statistics
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
from inference.open_inference_pb2 import ModelInferRequest
from turnout.router.v1 import model_pb2
from turnout.router.v1.model_service_pb2 import RegisterModelRequest
from turnout.router.v1.router_service_pb2 import CreateRouterRequest, DeployRouterRequest

from benchmarks import bare
from benchmarks.load import drive, target
from benchmarks.suite import OTHERS, on_core, router_process, started
from services.foundation.client import Client

VALUES, REQUESTS, ROUNDS, WARM_UP, IN_FLIGHT = 64, 1_000, 20, 3_000, 64
AIM = 1.2


def inference() -> bytes:
    """One row of 64 doubles, as tritonclient sends it."""
    request = ModelInferRequest(model_name="doors", id="1")
    request.inputs.add(name="input", datatype="FP64", shape=[1, VALUES])
    request.outputs.add(name="probabilities")
    request.raw_input_contents.append(np.linspace(0, 1, VALUES).tobytes())
    return request.SerializeToString()


async def deploy(address: str, backend: str) -> None:
    """A weighted router named doors over two models of one tensor."""
    client = Client(address)
    try:
        register = client.unary("turnout.router.v1.ModelService", "RegisterModel")
        for name in ("door-a", "door-b"):
            await register(RegisterModelRequest(model=_model(name, backend)), timeout=10)
        request = CreateRouterRequest(router_id="doors")
        request.router.variants.add(model="door-a", weight=60)
        request.router.variants.add(model="door-b", weight=40)
        await client.unary("turnout.router.v1.RouterService", "CreateRouter")(request, timeout=10)
        await client.unary("turnout.router.v1.RouterService", "DeployRouter")(
            DeployRouterRequest(name="doors"), timeout=20
        )
    finally:
        await client.close()


def _model(name: str, backend: str) -> model_pb2.Model:
    model = model_pb2.Model(
        name=f"models/{name}", protocol=model_pb2.PROTOCOL_OIP_GRPC, endpoints=[{"address": backend}]
    )
    model.timeout.FromSeconds(5)
    model.signature.outputs.probabilities = "probabilities"
    model.signature.outputs.class_order.extend(["no", "yes"])
    for place in range(VALUES):
        model.signature.features.add(name=f"feature {place}", kind=model_pb2.FEATURE_KIND_NUMERIC)
    return model


async def measure() -> list[dict[str, float]]:
    """CPU microseconds per inference of proxy and router, by round."""
    async with AsyncExitStack() as stack:
        stack.enter_context(on_core(OTHERS))
        backend = await stack.enter_async_context(started("benchmarks.bare", "backend", core=OTHERS))
        proxy = await stack.enter_async_context(
            started("benchmarks.bare", "proxy", "--upstream", backend.address)
        )
        router = await stack.enter_async_context(router_process(backend.address))
        await deploy(router.address, backend.address)
        targets = {
            name: await stack.enter_async_context(target(one.pid, one.address, bare.METHOD, inference()))
            for name, one in (("proxy", proxy), ("router", router))
        }
        for one in targets.values():
            await drive(one, WARM_UP, IN_FLIGHT)
        rounds = []
        for turn in range(ROUNDS):
            order = sorted(targets, reverse=bool(turn % 2))
            rounds.append({name: (await drive(targets[name], REQUESTS, IN_FLIGHT)).cpu_us for name in order})
        return rounds


def main() -> None:
    """Measure, print, write."""
    rounds = asyncio.run(measure())
    ratios = [one["router"] / one["proxy"] for one in rounds]
    low, middle, high = statistics.quantiles(ratios, n=4)
    found = {
        "proxy_us": round(statistics.median(one["proxy"] for one in rounds)),
        "router_us": round(statistics.median(one["router"] for one in rounds)),
        "ratio": round(middle, 3),
        "middle_half": [round(low, 3), round(high, 3)],
        "load_average": os.getloadavg()[0],
        "aim": AIM,
    }
    written = Path("build/doors.json")
    written.parent.mkdir(exist_ok=True)
    written.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
