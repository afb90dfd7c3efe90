"""Keeps feedback whose prediction is not recorded yet, in a form that another process can read."""

import hashlib
import json
from dataclasses import dataclass

from turnout.feedback.v1.feedback_service_pb2 import RecordFeedbackRequest

from services.state import formats
from services.state.ids import partition_of
from services.state.parked import Parked, ParkedStore


@dataclass(frozen=True, slots=True)
class Waiting:
    """Parked feedback: its id among the parked, when it was parked (seconds since 1970), and what it says."""

    id: str
    since: float
    request: RecordFeedbackRequest


@dataclass(frozen=True, slots=True)
class Parking:
    """Writes and reads parked feedback. Raises StateUnavailable if Redis is."""

    store: ParkedStore

    async def park(
        self,
        request: RecordFeedbackRequest,
        now: float,
        *,
        partition: int | None = None,
        evict: bool = False,
    ) -> Parked:
        """Keep completed feedback, in the partition of its prediction, or else in the one that is given. With
        `evict` the one that has waited longest makes room for it. Raises NewerFormat."""
        partition = partition_of(request.prediction_id) if partition is None else partition
        id_, item = _id(request), _packed(request, now)

        def same(kept: bytes) -> bool:
            return _said(_unpacked(id_, kept).request) == _said(request)

        return await self.store.park(partition, id_, item, now, evict=evict, same=same)

    async def due(self, partition: int, now: float, most: int) -> list[Waiting]:
        """At most `most` items whose time to be tried has come. Raises NewerFormat."""
        return [_unpacked(id_, item) for id_, item in (await self.store.due(partition, now, most)).items()]


def _id(request: RecordFeedbackRequest) -> str:
    about = (
        request.metric.name if request.WhichOneof("outcome") == "metric" else request.WhichOneof("outcome")
    )
    return f"{request.prediction_id or _key(request)}/{request.row}/{about}/{request.feedback_id}"


def _said(request: RecordFeedbackRequest) -> object:
    """What it says came of the prediction, without when: who does not say has another time at each retry."""
    outcome = request.WhichOneof("outcome")
    return outcome and getattr(request, outcome)


def _key(request: RecordFeedbackRequest) -> str:
    """What it is about, while its prediction is not known; a digest, for keys may be anything."""
    key = [request.router, request.external_id, request.entity_id, request.event_time.ToNanoseconds()]
    return hashlib.blake2b(json.dumps(key).encode(), digest_size=16).hexdigest()


def _packed(request: RecordFeedbackRequest, now: float) -> bytes:
    return b"%d %.3f " % (formats.PARKED, now) + request.SerializeToString()


def _unpacked(id_: str, item: bytes) -> Waiting:
    format_, since, packed = item.split(b" ", 2)
    formats.check("parked feedback", int(format_), formats.PARKED)
    return Waiting(id_, float(since), RecordFeedbackRequest.FromString(packed))
