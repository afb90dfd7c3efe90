"""The same on a real Redis: partitions change hands while they are counted: none is lost or doubled."""

import random
import time
from contextlib import AsyncExitStack

import numpy as np
from turnout.drift.v1 import baseline_rpc_pb2
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.router.v1.model_pb2 import Model

from services.drift.baseline_store import BaselineStore
from services.drift.buckets import cover
from services.drift.cells.blob import encode
from services.drift.folding import count
from services.drift.observed import rows_of
from services.drift.profile_store import ProfileStore
from services.state import events
from services.state.connection import Connections
from services.state.ids import new_prediction_id
from tests.drift.conftest import Ask, creation
from tests.drift.test_consumer import member
from tests.drift.traffic import prediction
from tests.waiting import eventually

PARTITIONS = (3, 7, 40, 63)
LATEST = 5 * 3600


def logged(rng: np.random.Generator, partition: int) -> PredictionEvent:
    """A prediction of now, or of some hours ago that comes late."""
    event = prediction(rng)
    made = time.time() - float(rng.random() < 0.3) * rng.uniform(0, LATEST)
    event.event_time.FromMicroseconds(int(made * 1e6))
    draw = random.Random(int(rng.integers(2**40)))
    event.manifest.prediction_id = new_prediction_id(partition, time.time(), draw)
    return event


async def test_partitions_that_change_hands_are_counted_once(
    connections: Connections, ask: Ask, model: Model
) -> None:
    made: baseline_rpc_pb2.CreateBaselineResponse = await ask("CreateBaseline", creation())
    baseline = await BaselineStore(connections).get(model.name, model.uid, made.baseline.name.split("/")[-1])
    rng, sent = np.random.default_rng(5), list[PredictionEvent]()
    now = time.time()

    async def append(sequence: int) -> None:
        for partition in PARTITIONS:
            some = [logged(rng, partition) for _ in range(9)]
            batch = EventBatch(predictions=[each.SerializeToString() for each in some])
            await events.append(connections, partition, batch, f"replica-{partition}", sequence)
            sent.extend(some)

    async with AsyncExitStack() as living:
        one = await living.enter_async_context(member(connections, "one"))
        async with member(connections, "two") as two:
            for sequence in range(1, 6):
                await append(sequence)
            await eventually(lambda: one.handled + two.handled > 4)
        # It has vanished with its leases; another joins, and takes over what it held.
        await living.enter_async_context(member(connections, "three"))
        for sequence in range(6, 11):
            await append(sequence)
        wanted = encode(count(baseline, [row for event in sent for row in rows_of(event)], ""))

        async def there() -> bool:
            window = cover(now - LATEST - 3600, time.time() + 60, time.time())
            return encode(await ProfileStore(connections).window(baseline, window)) == wanted

        await eventually(there, within=30)
