"""A real MLServer with scikit-learn as a router's member: what it says directly and what it says routed."""

import asyncio
import os
import random
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from inference import open_inference_pb2 as wire
from turnout.router.v1 import model_pb2
from turnout.router.v1.router_pb2 import Router

from examples.fleet.data import holdout
from services.cli.ports import FreePorts
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.clients.environments import FIRST_RUN_SECONDS, PROGRAMS, environment, run
from tests.router.conftest import Desk
from tests.waiting import eventually

# An environment that is made first takes minutes.
pytestmark = pytest.mark.timeout(900)
SERVICE = "inference.GRPCInferenceService"
FEATURES = 64


@pytest.fixture
async def mlserver(tmp_path: Path) -> AsyncIterator[str]:
    """`mlserver start` with a model of digits; its gRPC address."""
    python = await environment("mlserver")
    free = FreePorts(random.Random())
    ports = [free.take() for _ in range(3)]
    folder = tmp_path / "digits"
    folder.mkdir()
    await run(python, PROGRAMS / "digits_server.py", folder, *map(str, ports))
    command = (str(python.parent / "mlserver"), "start", str(folder))
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    log = (tmp_path / "mlserver.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, "PATH": path}, stdout=log, stderr=log
    )
    address = f"127.0.0.1:{ports[1]}"
    client = Client(address)

    async def ready() -> bool:
        assert process.returncode is None, (tmp_path / "mlserver.log").read_text()
        try:
            asked = wire.ModelReadyRequest(name="digits")
            return bool((await client.unary(SERVICE, "ModelReady")(asked, timeout=2)).ready)
        except RemoteError:
            return False

    try:
        await eventually(ready, within=FIRST_RUN_SECONDS)
        yield address
    finally:
        await client.close()
        process.terminate()
        await process.wait()
        log.close()


def question(model: str) -> wire.ModelInferRequest:
    every, _ = holdout("digits", 3)
    rows = every[:3]
    request = wire.ModelInferRequest(model_name=model)
    request.inputs.add(name="input", datatype="FP64", shape=[3, FEATURES])
    request.raw_input_contents.append(
        struct.pack(f"<{3 * FEATURES}d", *(float(x) for row in rows for x in row))
    )
    request.outputs.add(name="predict")
    request.outputs.add(name="predict_proba")
    return request


async def test_routed_and_direct_tensors_are_the_same_bytes(desk: Desk, mlserver: str) -> None:
    model = model_pb2.Model(
        name="models/digits",
        protocol=model_pb2.PROTOCOL_OIP_GRPC,
        endpoints=[model_pb2.Endpoint(address=mlserver)],
        signature=model_pb2.Signature(
            outputs=model_pb2.OutputSpec(
                label="predict", probabilities="predict_proba", class_order=list("0123456789")
            ),
        ),
    )
    await desk.register(model)
    await desk.deploy(
        "digits-router", Router(variants=[{"id": "a", "model": "digits"}, {"id": "b", "model": "digits"}])
    )
    server, router = Client(mlserver), Client(desk.address)
    direct = await server.unary(SERVICE, "ModelInfer")(question("digits"), timeout=20)
    routed = await router.unary(SERVICE, "ModelInfer")(question("digits-router"), timeout=20)
    await server.close()
    await router.close()
    assert len(direct.outputs) == 2
    assert [one.SerializeToString() for one in routed.outputs] == [
        one.SerializeToString() for one in direct.outputs
    ]
    assert list(routed.raw_output_contents) == list(direct.raw_output_contents)
    assert routed.raw_output_contents
    assert routed.parameters["turnout_prediction_id"].string_param
