"""Sums of profiles that were read before, brought up to date by what has changed since.

An analysis follows another one: most of the buckets of its window were in the last one's as well, and are
closed. Counts are whole numbers, so what is added and taken away leaves exactly what a new sum would be.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.drift.cells.blob import Profile, beginning_of, merged

# What is kept of a baseline: the last hour, the last day, and all that there is.
MOST_WINDOWS = 3
# Of all baselines together, without their sums. A day of 25 features is 0.4 MB, and 90 days are 1.2.
MOST_BYTES = 32 * 1024 * 1024
# What a byte says. A beginning has some 35.
LONGEST_BEGINNING = 255


class Part(NamedTuple):
    """A profile as it was read. beginning: how it begins, behind a byte that says how long that is: who has
    another one has another profile."""

    beginning: bytes
    blob: bytes

    @classmethod
    def of(cls, blob: bytes) -> "Part":
        """Raises UnreadableProfileError."""
        beginning = beginning_of(blob)[:LONGEST_BEGINNING]
        return cls(bytes((len(beginning),)) + beginning, blob)


class Sum(NamedTuple):
    """What the profiles of a window add up to. names: of its buckets, whether they have a profile or not.
    parts: the profiles, by key."""

    names: frozenset[str]
    parts: Mapping[str, Part]
    total: Profile

    @property
    def bytes(self) -> int:
        """What its parts take."""
        return sum(len(part.blob) for part in self.parts.values())

    def is_near(self, names: frozenset[str]) -> bool:
        """Whether most of the buckets are the same."""
        return 2 * len(self.names & names) > len(self.names | names)


def summed(parts: Mapping[str, Part], sizes: Sequence[int], before: Sum | None) -> Profile:
    """The sum of the parts, whose features have `sizes` columns; made from another sum where most of that is
    the same. Its columns are read-only. Raises UnreadableProfileError."""
    total = _brought_up(parts, sizes, before) if before else None
    if total is None:
        total = merged((part.blob for part in parts.values()), sizes)
    # It is kept, and the next one made from it.
    total.columns.flags.writeable = False
    return total


def _brought_up(parts: Mapping[str, Part], sizes: Sequence[int], before: Sum) -> Profile | None:
    """The other sum with what has come, and without what has gone; None where that would be more to do."""
    come = [part.blob for key, part in parts.items() if before.parts.get(key) is not part]
    gone = [part.blob for key, part in before.parts.items() if parts.get(key) is not part]
    if len(come) + len(gone) >= len(parts):
        return None
    total = before.total.plus(merged(come, sizes)) if come else before.total
    return total.minus(merged(gone, sizes)) if gone else total


class Sums:
    """Those of the windows that were asked for last, by a baseline's uid: what a uid names never changes."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._known: OrderedDict[str, list[Sum]] = OrderedDict()
        self._most = most_bytes
        self._bytes = 0

    def nearest(self, uid: str, names: frozenset[str]) -> Sum | None:
        """The one that has most of the buckets; None where there is none."""
        return max(self._known.get(uid, ()), key=lambda one: len(one.names & names), default=None)

    def keep(self, uid: str, found: Sum) -> None:
        """Keep a sum, in place of those that it is near to."""
        before = self._known.pop(uid, [])
        now = [found, *(one for one in before if not one.is_near(found.names))][:MOST_WINDOWS]
        self._known[uid] = now
        self._bytes += sum(one.bytes for one in now) - sum(one.bytes for one in before)
        while self._bytes > self._most:
            _, oldest = self._known.popitem(last=False)
            self._bytes -= sum(one.bytes for one in oldest)
