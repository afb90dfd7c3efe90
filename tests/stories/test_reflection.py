"""A stranger with `buf curl` and no files: lists, describes and calls by reflection."""

import asyncio
import json
import shlex
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.protobuf.descriptor import ServiceDescriptor
from turnout.aggregator.v1 import aggregator_service_pb2 as aggregator
from turnout.drift.v1 import drift_service_pb2 as drift
from turnout.feedback.v1 import feedback_service_pb2 as feedback
from turnout.router.v1 import inference_service_pb2, model_service_pb2, router_service_pb2

from examples.demo import next_steps
from services.cli.healthy import healthy
from tests.stories.suite import ROOT, Suite
from tests.waiting import eventually

BUF = ROOT / ".venv/bin/buf"
PENDING = Path(__file__).parents[1] / "contract/pending.txt"
SERVICES: dict[str, list[ServiceDescriptor]] = {
    name: [service for file in files for service in file.DESCRIPTOR.services_by_name.values()]
    for name, files in {
        "router": (inference_service_pb2, router_service_pb2, model_service_pb2),
        "aggregator": (aggregator,),
        "feedback": (feedback,),
        "drift": (drift,),
    }.items()
}
# One call per service that needs nothing to have happened before, and a key of its reply.
CALLS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "models": ("router", "turnout.router.v1.ModelService/ListModels", {}, "models"),
    "one model": ("router", "turnout.router.v1.ModelService/GetModel", {"name": "digits-svm"}, "model"),
    "aggregate": (
        "aggregator",
        "turnout.aggregator.v1.AggregatorService/Aggregate",
        {
            "aggregation": "AGGREGATION_METHOD_VOTE",
            "outputs": [
                {"variant": name, "output": {"classification": {"label": label}}}
                for name, label in (("a", "yes"), ("b", "yes"), ("c", "no"))
            ],
        },
        "output",
    ),
}


async def buf(*arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of `buf curl`."""
    command = (str(BUF), "curl", "--protocol", "grpc", "--http2-prior-knowledge", *arguments)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd="/"
    )
    out, wrong = await process.communicate()
    return process.returncode or 0, out.decode(), wrong.decode()


@pytest.mark.parametrize("protocol", ["grpc-v1", "grpc-v1alpha"])
@pytest.mark.parametrize("where", SERVICES)
async def test_every_method_is_listed(suite: Suite, where: str, protocol: str) -> None:
    code, out, wrong = await buf(
        "--reflect-protocol", protocol, "--list-methods", f"http://{suite.ready[where]}"
    )
    assert code == 0, wrong
    for service in SERVICES[where]:
        methods = {f"{service.full_name}/{method.name}" for method in service.methods}
        assert methods <= set(out.split())


@pytest.mark.parametrize("call", CALLS)
async def test_a_call_by_reflection_is_answered(suite: Suite, call: str) -> None:
    where, method, request, key = CALLS[call]
    code, out, wrong = await buf("-d", json.dumps(request), f"http://{suite.ready[where]}/{method}")
    assert code == 0, wrong
    assert key in json.loads(out)


@pytest.mark.parametrize("where", SERVICES)
async def test_every_implemented_method_is_reached(suite: Suite, where: str) -> None:
    """An empty request is refused by the method itself, if at all: never as unknown or unimplemented."""
    pending = set(PENDING.read_text().split())
    for service in SERVICES[where]:
        for method in service.methods:
            name = f"{service.full_name}/{method.name}"
            if name in pending or method.client_streaming or method.server_streaming:
                continue
            code, _, wrong = await buf("-d", "{}", f"http://{suite.ready[where]}/{name}")
            assert code == 0 or '"unimplemented"' not in wrong, f"{name}: {wrong}"


@pytest.mark.parametrize("where", SERVICES)
async def test_a_container_can_ask_whether_its_service_is_healthy(suite: Suite, where: str) -> None:
    # A busy disk holds Redis up, and a service without it says so.
    await eventually(lambda: healthy(suite.ready[where]))
    # Nobody speaks gRPC there.
    assert not await healthy(urlsplit(suite.ready["redis"]).netloc)


async def test_what_the_demo_tells_to_try_next_works(suite: Suite) -> None:
    for command in next_steps.commands()[1:]:
        program, *arguments = shlex.split(command.replace(next_steps.ROUTER, suite.ready["router"]))
        if program == "grpcurl" and shutil.which(program) is None:
            continue
        process = await asyncio.create_subprocess_exec(
            program, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, wrong = await process.communicate()
        assert process.returncode == 0, f"{command}: {wrong.decode()}"
        assert out
