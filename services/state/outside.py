"""Predictions that were made elsewhere, on their way into the event streams: each is logged once."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent

from services.state import drift_keys, formats, ids, keys
from services.state.connection import Connections
from services.state.errors import StateUnavailable, StoreFull
from services.state.events import STREAM_BYTES
from services.state.scripts import Arg, Run, Script

# Every prediction is known by a key from then on, if only by its new id: run again, the script finds it.
LOG_PREDICTIONS = Script("log_predictions", repeatable=True)

# As long as request ids are remembered; the record of a prediction id says the same for longer.
KNOWN_SECONDS = 86_400
# Long enough for a lost reply, whose script is run again, to be told from a second prediction.
MINTED_SECONDS = 60
# As many events as a router puts into a batch, and a script that holds the server up for half a millisecond.
MOST_EVENTS = 256
MOST_BYTES = 1024 * 1024


class Outside(NamedTuple):
    """A prediction to log. key: what it is known by if it is sent again; empty where its id was minted and
    nobody can send it again."""

    event: PredictionEvent
    key: str = ""


class Logged(NamedTuple):
    """A prediction that is logged: its id, and whether it was before."""

    prediction_id: str
    duplicate: bool


class OutsideLog:
    """Appends predictions to the streams that routers write. `writer` is a uid of the process."""

    def __init__(self, connections: Connections, writer: str, most_bytes: int = STREAM_BYTES) -> None:
        self._redis = connections.steady
        self._writer = writer
        self._most = most_bytes

    async def append(self, items: Sequence[Outside]) -> list[Logged | StoreFull]:
        """Log them in one round trip: when this returns Redis has those that found room. The ids of
        predictions in one list differ.

        Raises StateUnavailable; some may have been logged then, and with their keys all of them again changes
        nothing.
        """
        batches = list(_batches(items))
        runs = [self._run([items[place] for place in places]) for places in batches]
        try:
            replies = await LOG_PREDICTIONS.many(self._redis, runs) if runs else []
        except StateUnavailable:
            # The ids are made by now: what was logged although its reply was lost is found by them.
            replies = await LOG_PREDICTIONS.many(self._redis, runs)
        found: dict[int, Logged | StoreFull] = {}
        for places, reply in zip(batches, replies, strict=True):
            for place, outcome in zip(places, _outcomes(reply, len(places)), strict=True):
                name = items[place].event.manifest.prediction_id
                if isinstance(outcome, StoreFull):
                    found[place] = outcome
                else:
                    minted = not items[place].key and outcome == name
                    found[place] = Logged(outcome or name, bool(outcome) and not minted)
        return [found[place] for place in range(len(items))]

    def _run(self, items: Sequence[Outside]) -> Run:
        partition = ids.partition_of(items[0].event.manifest.prediction_id)
        stream = keys.events(partition)
        head = EventBatch(format=formats.EVENT_BATCH, writer=self._writer)
        named = [stream, keys.totals(stream)]
        args: list[Arg] = [head.SerializeToString(), self._most]
        for event, key in items:
            name = event.manifest.prediction_id
            known = hashlib.blake2b((key or name).encode(), digest_size=12).hexdigest()
            named += [drift_keys.logged(partition, known), keys.records(partition, ids.minute_of(name))]
            lifetime = KNOWN_SECONDS if key else MINTED_SECONDS
            field = EventBatch(predictions=[event.SerializeToString()])
            args += [name, lifetime * 1000, field.SerializeToString()]
        return named, args


def _batches(items: Sequence[Outside]) -> Iterator[list[int]]:
    """Places of the items that go together: of one partition, and not too many."""
    by_partition = defaultdict[int, list[int]](list)
    for place, item in enumerate(items):
        by_partition[ids.partition_of(item.event.manifest.prediction_id)].append(place)
    for places in by_partition.values():
        batch: list[int] = []
        size = 0
        for place in places:
            more = items[place].event.ByteSize()
            if batch and (len(batch) == MOST_EVENTS or size + more > MOST_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(place)
            size += more
        yield batch


def _outcomes(reply: Any, count: int) -> Sequence[str | StoreFull]:
    """Of each prediction the id that it was logged under before, or nothing."""
    if isinstance(reply, Exception):
        raise reply
    if reply[0] == b"FULL":
        full = StoreFull("the event stream is full: its readers have to catch up first", retry_after=5.0)
        return [full] * count
    return [name.decode() for name in reply[1:]]
