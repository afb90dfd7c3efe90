"""Predictions as a router logs them, for tests that need traffic and no router."""

import random
import time

import numpy as np
from numpy.random import Generator
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.inference.v1.manifest_pb2 import OUTCOME_SERVED

from services.state import events, formats
from services.state.connection import Connections
from services.state.consumer import Entry
from services.state.ids import new_prediction_id
from services.state.logged import Logged
from services.state.streams import PACKED_EVENTS

PARTITION = 7
ROUTER_UID = "01a1fffe-3bcf-7952-8d7c-e42c18072e8c"


def prediction(rng: Generator, age: float = 40.0) -> PredictionEvent:
    """A prediction of models/churn for a customer of about that age."""
    now = time.time()
    event = PredictionEvent(format=formats.PREDICTION_EVENT, router_uid=ROUTER_UID)
    event.time.FromNanoseconds(int(now * 1e9))
    event.manifest.prediction_id = new_prediction_id(PARTITION, now, random.Random(int(rng.integers(2**40))))
    event.manifest.participants.add(model="models/churn", outcome=OUTCOME_SERVED)
    event.features.numeric_features["age"] = rng.normal(age, 10)
    event.features.numeric_features["amount"] = rng.lognormal(3, 1)
    event.features.categorical_features["plan"] = str(rng.choice(["basic", "gold"]))
    return event


def entry(name: str, batch: EventBatch) -> Entry[Logged]:
    """An entry of the partition's stream, as drift reads it."""
    return Entry(name, PACKED_EVENTS.decode(batch.SerializeToString()))


async def append(
    connections: Connections, sequence: int, size: int, age: float = 40.0, writer: str = "test"
) -> list[PredictionEvent]:
    """Append a batch of `size` predictions to the partition's stream."""
    rng = np.random.default_rng([sequence, size])
    made = [prediction(rng, age) for _ in range(size)]
    batch = EventBatch(predictions=[event.SerializeToString() for event in made])
    await events.append(connections, PARTITION, batch, writer, sequence)
    return made
