"""A deployed router, and records of predictions of its that were never made."""

import random
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1.router_pb2 import Router

from services.foundation.client import Client
from services.state import formats, ids
from services.state.connection import Connections
from services.state.fenced import Fence
from services.state.records import RecordWriter
from tests.router.conftest import Desk, doctors

SERVICE = "turnout.router.v1.RouterService"


class Shelf:
    """Writes records as drift does, and reads what the router says of them."""

    def __init__(self, desk: Desk, router: Router, connections: Connections) -> None:
        self.desk = desk
        self.connections = connections
        self.at(router)
        self._rng = random.Random(5)
        self._client = Client(desk.address)

    def at(self, router: Router) -> None:
        """Write records of that router from now on."""
        self.router = router
        self.partition = ids.partition_for(router.uid)
        self._fence = Fence.of(self.partition, "drift", 1)

    def event(self, age: float, **fields: Any) -> PredictionEvent:
        """A prediction that was made `age` seconds ago by the variant a, and served."""
        moment = time.time() - age
        event = PredictionEvent(format=formats.PREDICTION_EVENT, router_uid=self.router.uid, rows=1)
        event.manifest.prediction_id = ids.new_prediction_id(self.partition, moment, self._rng)
        event.manifest.router = self.router.name
        event.manifest.decision.variant = "a"
        event.time.FromNanoseconds(int(ids.time_of(event.manifest.prediction_id) * 1e9))
        event.MergeFrom(PredictionEvent(**fields))
        return event

    async def write(self, *events: PredictionEvent, entry_id: str = "1-0") -> list[str]:
        """Keep records; their ids."""
        await self.connections.steady.set(self._fence.key, self._fence.token)
        writer = RecordWriter(self.connections)
        await writer.write(self.partition, self._fence, entry_id, events)
        await self.connections.steady.delete(self._fence.key)
        return [event.manifest.prediction_id for event in events]

    def stream(self, method: str, request: Any, within: float = 30.0) -> AsyncIterator[Any]:
        """A method of RouterService that replies with a stream."""
        return self._client.stream(SERVICE, method)(request, timeout=within)

    async def close(self) -> None:
        """Close the channel."""
        await self._client.close()


@pytest.fixture
async def shelf(desk: Desk, connections: Connections) -> AsyncIterator[Shelf]:
    router = await desk.deploy("cancer", doctors(weighted={}))
    opened = Shelf(desk, router, connections)
    yield opened
    await opened.close()


def names(records: Iterable[Any]) -> list[str]:
    """Their prediction ids."""
    return [record.event.manifest.prediction_id for record in records]
