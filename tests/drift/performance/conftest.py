"""Feedback and drift on a real Redis: events and truths in by their streams, points out by a channel."""

import itertools
import random
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from turnout.drift.v1 import performance_pb2 as rpc
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent, TruthEntry
from turnout.router.v1.model_pb2 import Model

from services.drift.build import consumer_of, handler_of
from services.drift.concept.building import watch_of
from services.feedback.assembly import Assembly, assemble
from services.feedback.settings import FeedbackSettings
from services.foundation.metrics import Metrics
from services.state import events, formats, ids, keys
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.group import Group
from services.state.kinds import MODELS
from services.state.streams import EVENTS, TRUTH
from services.state.truth import TruthLog
from tests.drift.conftest import Ask
from tests.drift.performance.worlds import Label
from tests.state.background import running
from tests.waiting import eventually


class Suite:
    """What tests do with it."""

    def __init__(self, connections: Connections, ask: Ask) -> None:
        self.connections = connections
        self._ask = ask
        self._sequence = itertools.count(1)
        self._store: ConfigStore[Model] = ConfigStore(connections, MODELS, time.time, random.Random(8))

    async def model(self, name: str) -> Model:
        """Register a model."""
        return (await self._store.create(Model(name=f"models/{name}"))).message

    async def log(self, those: Sequence[PredictionEvent]) -> None:
        """Append a batch to the partition of its predictions."""
        batch = EventBatch(format=formats.EVENT_BATCH, predictions=[one.SerializeToString() for one in those])
        partition = ids.partition_of(those[0].manifest.prediction_id)
        await events.append(self.connections, partition, batch, "writer", next(self._sequence))

    async def tell(self, label: Label) -> None:
        """Append a truth."""
        entry = TruthEntry(
            format=formats.TRUTH,
            prediction_id=label.id,
            row=label.row,
            truth=label.truth,
            feedback_id=label.feedback_id,
        )
        entry.observed_at.FromMicroseconds(int(label.observed * 1e6))
        await TruthLog(self.connections).append(entry, 30 * 86_400)

    def feedback(self, seed: int = 3) -> Assembly:
        """A process of feedback; nothing of it runs yet."""
        settings = FeedbackSettings(parked_items=10_000)
        return assemble(self.connections, settings, Metrics(), random.Random(seed), time.time)

    def running(self, processes: int = 1) -> AbstractAsyncContextManager[None]:
        """Background work of so many processes of feedback, and one of drift."""
        ownership, consumer = consumer_of(
            self.connections, handler_of(self.connections, time.time), time.time, random.Random(5)
        )
        works = [work() for number in range(processes) for work in self.feedback(number).works.values()]
        watch = watch_of(self.connections, ownership, time.time, random.Random(6), settle=3600)
        return running(ownership.run(), consumer.run(), watch.truths.run(), watch.folder.run(), *works)

    async def settled(self, partition: int) -> None:
        """Wait until all that came is counted."""
        groups: list[Group[Any]] = [
            Group(self.connections, group, stream) for stream in (EVENTS, TRUTH) for group in stream.groups
        ]

        async def done() -> bool:
            lags = [await group.lag_at(partition) for group in groups]
            return not any(lags) and not await self.connections.steady.zcard(keys.parked(partition))

        await eventually(done, within=20)

    async def history(self, model: str, **how: Any) -> rpc.GetPerformanceHistoryResponse:
        """Ask for it."""
        reply: rpc.GetPerformanceHistoryResponse = await self._ask(
            "GetPerformanceHistory", rpc.GetPerformanceHistoryRequest(model=model, **how)
        )
        return reply


@pytest.fixture
async def suite(connections: Connections, ask: Ask) -> Suite:
    """On the session's Redis; its background does not run."""
    return Suite(connections, ask)
