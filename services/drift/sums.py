"""Sums of profiles that were read before, brought up to date by what has changed since.

An analysis follows another one: most of the buckets of its window were in the last one's as well, and are
closed. Counts are whole numbers, so what is added and taken away leaves exactly what a new sum would be.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.drift.cells.blob import Profile, beginning_of, merged

# Of a baseline: the last hour, the last day and all that there is, or three hours of a schedule.
MOST_WINDOWS = 3
# Of all baselines together. A sum that takes more than a quarter of it is not kept: it would cost the others
# theirs. A day of 25 features takes 0.5 MB, and 90 days 1.3.
MOST_BYTES = 32 * 1024 * 1024
LARGEST_PART = 4
# Of a name: its text, its hash's place and its count.
NAME_BYTES = 100
# What a byte says. A beginning has some 40.
LONGEST_BEGINNING = 255


class Part(NamedTuple):
    """A profile as it was read. beginning: how it begins, behind a byte that says how long that is: another
    profile begins otherwise."""

    beginning: bytes
    blob: bytes

    @classmethod
    def of(cls, blob: bytes) -> "Part":
        """Raises UnreadableProfileError."""
        beginning = beginning_of(blob)[:LONGEST_BEGINNING]
        return cls(bytes((len(beginning),)) + beginning, blob)


class Sum(NamedTuple):
    """What the profiles of a window add up to. names: of its buckets, whether they have a profile or not.
    parts: the profiles, by key. bytes: about what it takes."""

    names: frozenset[str]
    parts: Mapping[str, Part]
    total: Profile
    bytes: int

    @classmethod
    def of(cls, names: frozenset[str], parts: Mapping[str, Part], total: Profile) -> "Sum":
        """A sum of those parts."""
        blobs = sum(len(part.blob) for part in parts.values())
        each = len(names) + len(parts) + sum(map(len, total.unseen.values()))
        return cls(names, parts, total, blobs + total.columns.nbytes + NAME_BYTES * each)

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
    """Those of the windows that were asked for last, by a baseline's uid: what a uid names never changes.
    most_bytes: that they take together; none are kept in no bytes."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._known: OrderedDict[tuple[str, frozenset[str]], Sum] = OrderedDict()
        self._windows: defaultdict[str, list[frozenset[str]]] = defaultdict(list)
        self._most = most_bytes
        self.bytes = 0

    def nearest(self, uid: str, names: frozenset[str]) -> Sum | None:
        """The one that has most of the buckets; None where there is none."""
        some = self._windows.get(uid)
        return self._known[uid, max(some, key=lambda one: len(one & names))] if some else None

    def keep(self, uid: str, found: Sum) -> None:
        """Keep a sum, in place of those that it is near to. One of nothing is not kept, nor one that is too
        large."""
        for names in [names for names in self._windows.get(uid, ()) if found.is_near(names)]:
            self._drop(uid, names)
        if not found.parts or found.bytes > self._most // LARGEST_PART:
            return
        self._known[uid, found.names] = found
        self._windows[uid].append(found.names)
        self.bytes += found.bytes
        if len(self._windows[uid]) > MOST_WINDOWS:
            self._drop(uid, self._windows[uid][0])
        while self.bytes > self._most:
            self._drop(*next(iter(self._known)))

    def _drop(self, uid: str, names: frozenset[str]) -> None:
        self.bytes -= self._known.pop((uid, names)).bytes
        self._windows[uid].remove(names)
        if not self._windows[uid]:
            del self._windows[uid]
