"""The one way by which truth enters the suite: a stream per partition, each fact once."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from turnout.inference.v1.event_pb2 import TruthEntry

from services.foundation.errors import TurnoutError
from services.state import ids, keys
from services.state.connection import Connections
from services.state.errors import StoreFull
from services.state.reports import id_reused
from services.state.scripts import Arg, Run, Script

# Not repeatable: a reply that was lost would be answered as a duplicate. Callers repeat whole calls instead.
APPEND_TRUTH = Script("append_truth")

TRUTH_FIELD = b"truth"
# About 50 MB per partition; truth is never dropped, so past this it is refused until readers have caught up.
MOST_ENTRIES = 200_000
# The field outlives its prediction, so that clocks that differ cannot let a fact in twice.
MARGIN_SECONDS = 3600.0


class Appended(StrEnum):
    """What became of a truth. CORRECTED: appended over an earlier observation; DUPLICATE: known already;
    SUPERSEDED: a later observation is known."""

    APPENDED = "APPENDED"
    CORRECTED = "CORRECTED"
    DUPLICATE = "DUPLICATE"
    SUPERSEDED = "SUPERSEDED"


class TruthLog:
    """Appends truths. Of those about one (prediction, row, metric) the latest (observed_at, feedback_id)
    holds; a feedback id that was seen there changes nothing again, and with another truth it is refused."""

    def __init__(self, connections: Connections, most: int = MOST_ENTRIES) -> None:
        self._redis = connections.steady
        self._most = most

    async def append(self, entry: TruthEntry, retention: float) -> Appended:
        """Append one; `retention` of its prediction in seconds.

        When this returns Redis has it. Raises BadPredictionId, StateUnavailable, RequestIdReused, and
        StoreFull: of the stream, or after 32 reports on one row and metric.
        """
        return (await self.append_all([entry], retention))[0]

    async def append_all(self, entries: Sequence[TruthEntry], retention: float) -> list[Appended]:
        """The same for many in one round trip, in order. If it raises, some may have been appended: repeat
        it."""
        return [_sound(outcome) for outcome in await self.append_each(entries, retention)]

    async def append_each(
        self, entries: Sequence[TruthEntry], retention: float
    ) -> list[Appended | TurnoutError]:
        """The same, with what is refused beside what is not."""
        replies = await APPEND_TRUTH.many(
            self._redis, [_run(entry, retention, self._most) for entry in entries]
        )
        return [_outcome(reply, entry) for reply, entry in zip(replies, entries, strict=True)]


def _run(entry: TruthEntry, retention: float, most: int) -> Run:
    partition, minute = ids.partition_of(entry.prediction_id), ids.minute_of(entry.prediction_id)
    stream = keys.truth(partition)
    forgotten = int(((minute + 1) * 60 + retention + MARGIN_SECONDS) * 1000)
    digest = hashlib.blake2b(entry.truth.SerializeToString(deterministic=True), digest_size=8).hexdigest()
    args: list[Arg] = [
        f"{entry.prediction_id}:{entry.row}:{entry.metric}",
        max(0, entry.observed_at.ToMicroseconds()),
        digest,
        entry.feedback_id,
        entry.SerializeToString(),
        most,
        forgotten,
    ]
    seen, held = keys.truth_seen(partition, minute), keys.truths(partition, minute)
    return [stream, seen, keys.totals(stream), held], args


def _sound(outcome: Appended | TurnoutError) -> Appended:
    if isinstance(outcome, TurnoutError):
        raise outcome
    return outcome


def _outcome(reply: Any, entry: TruthEntry) -> Appended | TurnoutError:
    if isinstance(reply, Exception):
        raise reply
    if reply[0] == b"ID_REUSED":
        return id_reused(entry.feedback_id)
    if reply[0] == b"FULL":
        return StoreFull("the truth stream is full: its readers have to catch up first", retry_after=5.0)
    if reply[0] == b"TOO_MANY_REPORTS":
        return StoreFull("32 reports on this row and metric are known already")
    return Appended(reply[0].decode())
