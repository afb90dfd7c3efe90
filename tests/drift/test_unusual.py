"""What a single event or router says wrongly costs neither the other events nor the other routers."""

import random
import time

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.inference.v1.input_pb2 import Tensor, TensorContents, TensorInput
from turnout.router.v1.router_pb2 import Router

from services.drift.build import handler_of, retention_in
from services.drift.consumer import GROUP
from services.drift.observed import rows_of
from services.state.catalog import CatalogFollower
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.fenced import Fence
from services.state.ids import new_prediction_id, partition_for
from services.state.kinds import ROUTERS
from services.state.packed import WholeBatch
from services.state.records import RecordStore
from services.state.streams import EVENTS, PACKED_EVENTS
from tests.drift.traffic import PARTITION, entry, prediction


def odd() -> list[bytes]:
    """Events that nothing can be made of, in different ways."""
    rng = np.random.default_rng(1)
    nanos, seconds, nameless, event_time = (prediction(rng) for _ in range(4))
    nanos.time.nanos = 2**31 - 1
    seconds.time.seconds = 2**62
    nameless.manifest.prediction_id = "42"
    event_time.event_time.seconds = -(2**62)
    return [*(one.SerializeToString() for one in (nanos, seconds, nameless, event_time)), b"\xff"]


async def handled(connections: Connections, batch: EventBatch) -> None:
    fence = Fence.of(PARTITION, GROUP, 1)
    await connections.steady.set(fence.key, fence.token)
    await handler_of(connections, time.time).handle(PARTITION, fence, [entry("1-0", batch)])


async def test_an_event_that_cannot_be_read_is_left_out_alone(connections: Connections) -> None:
    rng = np.random.default_rng(5)
    sound = [prediction(rng) for _ in range(5)]
    packed = [one.SerializeToString() for one in sound]
    mixed = [each for pair in zip(packed, odd(), strict=True) for each in pair]
    await handled(connections, EventBatch(predictions=mixed))
    names = [event.manifest.prediction_id for event in sound]
    assert (await RecordStore(connections).read_many(names)).keys() == set(names)


async def test_an_event_that_is_nested_as_deeply_as_may_be_costs_no_other(connections: Connections) -> None:
    """Read with its batch it is one level deeper: too deep. Nobody but who reads it may mind."""
    rng = np.random.default_rng(5)
    sound, deep = prediction(rng), prediction(rng)
    inner = deep.output.json
    for _ in range(49):
        inner = inner.list_value.values.add()
    inner.bool_value = True
    wires = [one.SerializeToString() for one in (deep, sound)]
    PredictionEvent.FromString(wires[0])
    batch = EventBatch(predictions=wires)
    with pytest.raises(DecodeError):
        WholeBatch.FromString(batch.SerializeToString())
    for stream in (EVENTS, PACKED_EVENTS):
        read = stream.decode(batch.SerializeToString())
        assert [one.manifest.prediction_id for one in read.predictions] == [
            one.manifest.prediction_id for one in (deep, sound)
        ]
    await handled(connections, batch)
    names = [one.manifest.prediction_id for one in (deep, sound)]
    assert names[1] in await RecordStore(connections).read_many(names)


async def test_an_event_of_a_newer_version_is_waited_with(connections: Connections) -> None:
    newer = PredictionEvent(format=99)
    newer.time.nanos = -1
    with pytest.raises(NewerFormat):
        await handled(connections, EventBatch(predictions=[newer.SerializeToString()]))


@pytest.mark.parametrize(
    ("seconds", "kept"), [(2**62, 400 * 86_400.0), (-(2**62), 60.0), (-5, 60.0), (0, 30 * 86_400.0)]
)
async def test_records_are_kept_for_a_possible_time(
    connections: Connections, seconds: int, kept: float
) -> None:
    made = Router(name="routers/odd")
    made.log.retention.CopyFrom(Duration(seconds=seconds))
    stored = (await ConfigStore(connections, ROUTERS, time.time, random.Random(1)).create(made)).message
    catalog = CatalogFollower(connections, rng=random.Random(2))
    await catalog.reconcile()
    retention = retention_in(catalog)
    assert retention(stored.uid) == kept

    partition, rng = partition_for(stored.uid), np.random.default_rng(3)
    event = prediction(rng)
    event.router_uid = stored.uid
    event.manifest.prediction_id = new_prediction_id(partition, time.time(), random.Random(4))
    fence = Fence.of(partition, GROUP, 1)
    await connections.steady.set(fence.key, fence.token)
    batch = EventBatch(predictions=[event.SerializeToString()])
    await handler_of(connections, time.time, retention).handle(partition, fence, [entry("1-0", batch)])
    assert await RecordStore(connections).read(event.manifest.prediction_id) is not None


WHOLE = np.zeros(4, "<f4").tobytes()
TORN = {
    "bytes that are no whole numbers": (Tensor(name="x", datatype="FP32", shape=[4, 1]), WHOLE[:-1]),
    "a shape whose product wraps around": (Tensor(name="x", datatype="FP32", shape=[2**62, 4]), WHOLE),
    "texts among numbers": (
        Tensor(
            name="x",
            datatype="FP32",
            shape=[1, 1],
            contents=TensorContents(bytes_contents=[b"abc"]),
        ),
        None,
    ),
}


@pytest.mark.parametrize(("tensor", "raw"), TORN.values(), ids=TORN)
def test_a_tensor_that_is_none_has_no_rows(tensor: Tensor, raw: bytes | None) -> None:
    tensors = TensorInput(tensors=[tensor], raw_contents=[raw] if raw else [])
    assert rows_of(PredictionEvent(tensors=tensors)) == []
