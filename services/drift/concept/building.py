"""What watches models' errors and rewards is made of."""

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from turnout.inference.v1.event_pb2 import TruthEntry

from services.drift.concept.folder import Folder
from services.drift.concept.minutes import MinuteReader
from services.drift.concept.noting import ENTRIES, Noting
from services.drift.concept.rewards import RewardFolder
from services.drift.concept.store import ConceptStore
from services.state.connection import Connections
from services.state.consumer import PartitionConsumer
from services.state.group import Group
from services.state.ownership import Ownership
from services.state.records import RecordStore
from services.state.streams import EVENTS, TRUTH, Stream


class ConceptWatch(NamedTuple):
    """Both run in the background: one notes labels, the other folds them."""

    truths: PartitionConsumer[TruthEntry]
    folder: Folder


def watch_of(
    connections: Connections,
    ownership: Ownership,
    now: Callable[[], float],
    rng: random.Random,
    settle: float,
) -> ConceptWatch:
    """On the partitions that the process owns; `settle`: seconds after a minute's first label or reward."""
    store = ConceptStore(connections)
    records = RecordStore(connections)
    noting = Noting(store, records)
    streams: tuple[Stream[Any], ...] = (EVENTS, TRUTH)
    groups = [Group(connections, ownership.group, stream) for stream in streams]
    reader = MinuteReader(connections, records, store, groups)
    truths = PartitionConsumer(connections, ownership, TRUTH, noting.handle, rng=rng, entries=ENTRIES)
    rewards = RewardFolder(store, reader, now, settle)
    return ConceptWatch(truths, Folder(noting, store, reader, ownership, now, settle, rewards))
