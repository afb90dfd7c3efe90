"""Sums over panels: of members, of pairs of members, and of panels as wholes. They add up in any order."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from services.aggregator.answers import Floats, Integers

# As many as a router has variants.
MOST_MEMBERS = 64
# Added at once, so that not every newcomer copies everything.
ROOM = 4


class OfMember(IntEnum):
    """Panels that a member answered; those whose answers are the verdict or not; dissents among them; panels
    that were decided once more without it; those in which that changed the verdict; panels in which its cost
    is known; that cost."""

    PANELS, JUDGED, DISSENTS, WEIGHED, PIVOTAL, PRICED, COST = range(7)


class OfPair(IntEnum):
    """Panels that both answered; rows whose answers are the same or not; rows on which they differed; rows of
    numbers; sum of their absolute differences; rows of embeddings; sum of their cosine distances."""

    PANELS, ROWS, DIFFERING, NUMBERS, DIFFERENCE, VECTORS, DISTANCE = range(7)


class OfAll(IntEnum):
    """Panels; those whose cost is known in full; that cost; those of them whose answers are the verdict or
    not; those of the latter in which one member would have given the verdict for less; what that would have
    saved; walks from member to member; those that came to the last one."""

    PANELS, PRICED, COST, JUDGED, AVOIDABLE, SAVING, WALKS, WALKED_THROUGH = range(8)


MONEY_OF_ALL = [OfAll.PRICED, OfAll.COST, OfAll.JUDGED, OfAll.AVOIDABLE, OfAll.SAVING]
MONEY_OF_MEMBER = [OfMember.PRICED, OfMember.COST]


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What is added: `members` [OfMember, members], `pairs` [OfPair, members, members] symmetric and 0 on the
    diagonal, `whole` [OfAll]."""

    names: tuple[str, ...]
    members: Floats
    pairs: Floats
    whole: Floats
    currency: str = ""

    @classmethod
    def of(cls, *names: str) -> "Counts":
        """Nothing yet, of these members."""
        size = len(names)
        empty = np.zeros((len(OfMember), size)), np.zeros((len(OfPair), size, size)), np.zeros(len(OfAll))
        return cls(names, *empty)

    def times(self, count: int) -> "Counts":
        """The same, as often as that."""
        return Counts(self.names, self.members * count, self.pairs * count, self.whole * count, self.currency)


@dataclass(slots=True, eq=False)
class Tally:
    """Everything that was added. It has room for `most` members: what comes of others is left out of members
    and pairs, and `crowded`. Money in another currency than the first is left out."""

    most: int = MOST_MEMBERS
    crowded: bool = False
    currency: str = ""
    whole: Floats = field(default_factory=lambda: np.zeros(len(OfAll)))
    _places: dict[str, int] = field(default_factory=dict)
    _members: Floats = field(default_factory=lambda: np.zeros((len(OfMember), 0)))
    _pairs: Floats = field(default_factory=lambda: np.zeros((len(OfPair), 0, 0)))

    @property
    def names(self) -> tuple[str, ...]:
        """The members, in the order in which they were first met."""
        return tuple(self._places)

    @property
    def members(self) -> Floats:
        """[OfMember, members]."""
        return self._members[:, : len(self._places)]

    @property
    def pairs(self) -> Floats:
        """[OfPair, members, members]."""
        return self._pairs[:, : len(self._places), : len(self._places)]

    def add(self, counts: Counts) -> None:
        """Take these in."""
        members, whole = counts.members, counts.whole
        if self.currency and counts.currency and counts.currency != self.currency:
            members, whole = members.copy(), whole.copy()
            members[MONEY_OF_MEMBER], whole[MONEY_OF_ALL] = 0, 0
        else:
            self.currency = self.currency or counts.currency
        self.whole += whole
        places = np.array([self._place(name) for name in counts.names], dtype=np.int64)
        kept = places >= 0
        if kept.all():
            self._put(places, members, counts.pairs)
        else:
            self.crowded = True
            self._put(places[kept], members[:, kept], counts.pairs[:, kept][:, :, kept])

    def _put(self, places: Integers, members: Floats, pairs: Floats) -> None:
        # Each name stands once in a panel, so each place is added to once.
        self._members[:, places] += members
        self._pairs[:, places[:, None], places] += pairs

    def _place(self, name: str) -> int:
        place = self._places.get(name)
        if place is not None:
            return place
        place = len(self._places)
        if place >= self.most:
            return -1
        self._places[name] = place
        if place >= self._members.shape[1]:
            self._members = np.pad(self._members, [(0, 0), (0, ROOM)])
            self._pairs = np.pad(self._pairs, [(0, 0), (0, ROOM), (0, ROOM)])
        return place


def lower(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Each pair of `size` members once: the second with all before it, then the third, and so on."""
    return np.tril_indices(size, -1)
