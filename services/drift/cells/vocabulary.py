"""Categorical cells: the names the baseline knew, and what is counted beside them."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from services.drift.cells.tally import Counts, Tally

MAX_NAMES = 1000
"""Names counted exactly in a baseline, and unseen names kept in one tally; the rest is OTHER."""
BESIDE = 2
OTHER, MISSING = range(-BESIDE, 0)


@dataclass(frozen=True)
class Vocabulary:
    """Frozen categories of one feature.

    names: sorted, at most MAX_NAMES.
    overflowed: the baseline had more names than it could keep. A name that is not kept may then have been
    known, so it counts as OTHER; otherwise it is unseen, and counted by its name.

    A tally's columns are the names, then OTHER and MISSING.
    """

    names: tuple[str, ...]
    overflowed: bool = False

    @cached_property
    def id(self) -> str:
        """Names the cells: counts may be added only on equal ids."""
        text = "\0".join(self.names) + f"\0{self.overflowed}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def _index(self) -> Mapping[str, int]:
        return {name: index for index, name in enumerate(self.names)}

    @property
    def size(self) -> int:
        """How many columns a tally on this vocabulary has."""
        return len(self.names) + BESIDE

    def count(self, values: Iterable[str | None], missing: int = 0) -> Tally:
        """Count values; None is missing."""
        return self.count_names(Counter(values), missing)

    def count_names(self, counts: Mapping[str | None, int] | Mapping[str, int], missing: int = 0) -> Tally:
        """What is counted already by name; None is missing."""
        columns = np.zeros(self.size, dtype=np.int64)
        columns[MISSING] = missing
        unseen: dict[str, int] = {}
        for name, count in counts.items():
            if name is None:
                columns[MISSING] += count
            elif (index := self._index.get(name)) is not None:
                columns[index] += count
            elif self.overflowed:
                columns[OTHER] += count
            else:
                unseen[name] = count
        return capped(Tally(columns, dict(sorted(unseen.items()))))

    def present(self, tally: Tally) -> Counts:
        """Counts of the known names and OTHER."""
        return tally.columns[:MISSING]

    def absent(self, tally: Tally) -> int:
        """How many values were missing."""
        return int(tally.columns[MISSING])

    def outside(self, tally: Tally) -> int:
        """How many values the baseline did not know."""
        # What no longer fits by its name is in OTHER, which is of the known ones only if there were too many.
        beyond = 0 if self.overflowed else int(tally.columns[OTHER])
        return beyond + sum(tally.unseen.values())

    def row(self, tally: Tally, unseen: Sequence[str]) -> Counts:
        """Counts of the known names, OTHER, and these unseen ones, each a column of its own."""
        if not unseen:
            return self.present(tally)
        extra = np.array([tally.unseen.get(name, 0) for name in unseen], dtype=np.int64)
        return np.concatenate([self.present(tally), extra])


def learn(values: Iterable[str | None]) -> Vocabulary:
    """The vocabulary of a baseline sample. Raises ValueError if every value is missing."""
    return learn_counts(Counter(value for value in values if value is not None))


def learn_counts(counts: Mapping[str, int], complete: bool = True) -> Vocabulary:
    """The vocabulary of names that were counted; `complete`: there were no others. Raises ValueError if there
    is none."""
    if not counts:
        raise ValueError("a baseline needs at least one value that is not missing")
    kept = sorted(counts, key=lambda name: (-counts[name], name))[:MAX_NAMES]
    return Vocabulary(tuple(sorted(kept)), overflowed=not complete or len(counts) > MAX_NAMES)


def capped(tally: Tally, limit: int = MAX_NAMES) -> Tally:
    """The tally with at most `limit` unseen names; the others join OTHER.

    Which ones stay is settled by a hash of the name, not by how often it came: the least hashes of a sum are
    among the least of each part, so that they stay counted exactly, and rows give the same tally whatever
    batches, replicas and order they were counted in. The most frequent of a part need not be those of the
    sum.
    """
    if len(tally.unseen) <= limit:
        return tally
    kept = sorted(sorted(tally.unseen, key=_hash)[:limit])
    columns = tally.columns.copy()
    columns[OTHER] += sum(tally.unseen.values()) - sum(tally.unseen[name] for name in kept)
    return Tally(columns, {name: tally.unseen[name] for name in kept})


def _hash(name: str) -> bytes:
    # A lone surrogate is no text, but it may have come in a file.
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
