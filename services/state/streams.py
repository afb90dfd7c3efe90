"""The streams of a partition: what they carry, and who must have done an entry before it is dropped."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from turnout.inference.v1.event_pb2 import TruthEntry

from services.state import formats, keys
from services.state.events import BATCH_FIELD
from services.state.logged import read, read_packed
from services.state.truth import TRUTH_FIELD

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stream(Generic[T]):
    """A stream in each partition.

    key: its key, by partition; field: where an entry has its bytes; groups: who reads it, each entry once per
    group, and entries that all have done are dropped; decode: what the bytes mean, raising NewerFormat for
    what this version must leave alone.
    """

    name: str
    key: Callable[[int], str]
    field: bytes
    groups: tuple[str, ...]
    decode: Callable[[bytes], T]


def _truth(payload: bytes) -> TruthEntry:
    entry = TruthEntry.FromString(payload)
    formats.check("truth", entry.format, formats.TRUTH)
    return entry


EVENTS = Stream("events", keys.events, BATCH_FIELD, ("drift", "feedback"), read)
PACKED_EVENTS = Stream(EVENTS.name, EVENTS.key, EVENTS.field, EVENTS.groups, read_packed)
"""The same with features and times unread."""
# What a named group has not done is kept, and a full stream refuses truth: a deployment without one of these
# two takes no more truth once its streams are full.
TRUTH = Stream("truth", keys.truth, TRUTH_FIELD, ("drift", "feedback"), _truth)
