"""A router as clients of the Open Inference Protocol see it."""

import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
from inference import open_inference_pb2 as wire

from examples.fleet.catalog import registration
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.state.connection import Connections
from services.state.ids import PARTITIONS
from services.state.keys import events
from services.state.streams import EVENTS
from tests.router.conftest import Desk, doctors
from tests.waiting import eventually

SERVICE = "inference.GRPCInferenceService"
ROW = (14.2, 20.1)


class Counter:
    """The Open Inference Protocol at a desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._client = Client(desk.address)

    async def call(self, method: str, request: Any, **how: Any) -> Any:
        """One of its methods."""
        return await self._client.unary(SERVICE, method)(request, timeout=how.pop("timeout", 20.0), **how)

    async def infer(self, request: wire.ModelInferRequest, **how: Any) -> Any:
        """ModelInfer."""
        return await self.call("ModelInfer", request, **how)

    def open_stream(self, requests: Any, **how: Any) -> AsyncIterator[Any]:
        """ModelStreamInfer."""
        return self._client.exchange(SERVICE, "ModelStreamInfer")(requests, timeout=20.0, **how)

    async def stream(self, requests: Sequence[wire.ModelInferRequest], **how: Any) -> list[Any]:
        """The same, whole."""
        return [reply async for reply in self.open_stream(requests, **how)]

    async def refusal(self, request: Any, method: str = "ModelInfer", **how: Any) -> RemoteError:
        """What a call is refused with."""
        with pytest.raises(RemoteError) as refused:
            await self.call(method, request, **how)
        return refused.value

    async def close(self) -> None:
        """Close the channel."""
        await self._client.close()


@pytest.fixture
async def counter(desk: Desk) -> AsyncIterator[Counter]:
    """A counter, and a deployed router `cancer` whose variants read the same two columns."""
    await desk.register(twin(desk))
    await desk.deploy("cancer", doctors_of_two_columns())
    opened = Counter(desk)
    yield opened
    await opened.close()


def twin(desk: Desk) -> Any:
    """The same doctor under another name: so every variant of a router takes one tensor."""
    model = registration("cancer-bayes", desk.servers["cancer-bayes"].address)
    model.name, model.served_name = "models/cancer-twin", "cancer-bayes"
    return model


def doctors_of_two_columns() -> Any:
    """A router of the doctor and his twin."""
    router = doctors()
    router.variants[1].model = "cancer-twin"
    return router


def parameters(**told: bool | int | str) -> Mapping[str, wire.InferParameter]:
    """Parameters as clients send them."""
    kinds = {bool: "bool_param", int: "int64_param", str: "string_param"}
    found = {name: wire.InferParameter() for name in told}
    for name, value in told.items():
        setattr(found[name], kinds[type(value)], value)
    return found


async def logged(connections: Connections, prediction_id: str) -> Any:
    """The event of a prediction, once it is in its stream."""

    async def find() -> Any:
        for partition in range(PARTITIONS):
            for _, fields in await connections.steady.xrange(events(partition)):
                for event in EVENTS.decode(fields[EVENTS.field]).predictions:
                    if event.manifest.prediction_id == prediction_id:
                        return event
        return None

    return await eventually(find)


def asked(
    row: Sequence[float] = ROW, *, model: str = "cancer", raw: bool = True, **how: Any
) -> wire.ModelInferRequest:
    """An inference of one row of two columns."""
    request = wire.ModelInferRequest(model_name=model, **how)
    tensor = request.inputs.add(name="input", datatype="FP64", shape=[1, len(row)])
    if raw:
        request.raw_input_contents.append(struct.pack(f"<{len(row)}d", *row))
    else:
        tensor.contents.fp64_contents.extend(row)
    return request
