"""Routers over two doctors, one of which is always chosen, and what was logged of their predictions."""

from collections.abc import Sequence
from typing import Any

from turnout.inference.v1.event_pb2 import EventBatch, ParticipantEvent, PredictionEvent
from turnout.inference.v1.manifest_pb2 import Outcome, Participant, ParticipantRole
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.state import ids, keys
from services.state.connection import Connections
from tests.router.conftest import BAYES
from tests.waiting import eventually

# Chosen and next in line.
DRAWN, NEXT = "cancer-bayes", "cancer-stump"


def ward(**options: Any) -> Router:
    """DRAWN is always drawn; NEXT never is."""
    variants = [{"model": DRAWN, "weight": 100}, {"model": NEXT, "weight": 0}]
    return Router(variants=variants, weighted={}, **options)


def falling(**how: Any) -> Router:
    """The same, with NEXT as fallback."""
    return ward(fallback={"variants": [NEXT], **how})


def question(router: str, **how: Any) -> rpc.PredictRequest:
    """A row that both can read."""
    request = rpc.PredictRequest(router=router, **how)
    request.input.row.update(BAYES)
    return request


def told(participants: Sequence[Participant]) -> list[tuple[str, str, str]]:
    """Variant, role and outcome of each, in their order."""
    return [
        (
            one.variant,
            ParticipantRole.Name(one.role).removeprefix("PARTICIPANT_ROLE_"),
            Outcome.Name(one.outcome).removeprefix("OUTCOME_"),
        )
        for one in participants
    ]


class Log:
    """What the router's process wrote into the event streams."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def batches(self) -> list[EventBatch]:
        """All of them."""
        found = []
        for partition in range(ids.PARTITIONS):
            entries = await self._redis.xrange(keys.events(partition))
            found += [EventBatch.FromString(fields[b"batch"]) for _, fields in entries]
        return found

    async def predictions(self, count: int = 1) -> list[PredictionEvent]:
        """The predictions, once there are so many."""

        async def enough() -> list[PredictionEvent]:
            found = [PredictionEvent.FromString(one) for b in await self.batches() for one in b.predictions]
            assert len(found) >= count, len(found)
            return found

        return await eventually(enough)

    async def completions(self, count: int = 1) -> list[ParticipantEvent]:
        """The late outcomes, once there are so many."""

        async def enough() -> list[ParticipantEvent]:
            found = [ParticipantEvent.FromString(one) for b in await self.batches() for one in b.participants]
            assert len(found) >= count, len(found)
            return found

        return await eventually(enough)
