"""From an allocation to one variant: a uniform draw and a pick, or a turn of the round-robin counter."""

import random
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


class Wheel:
    """An allocation made ready to be picked from.

    `pick(u)` returns the index whose interval of the cumulative sum holds u in [0, 1). Entries of probability
    0 are not on the wheel, so rounding can never pick one.
    """

    __slots__ = ("_edges", "_places", "allocation", "even")

    def __init__(self, allocation: Sequence[float]) -> None:
        self.allocation = tuple(allocation)
        self._places = [place for place, share in enumerate(allocation) if share > 0]
        sums = list(accumulate(allocation[place] for place in self._places))
        # Whether all who are on it have the same share, so that they may take turns.
        self.even = len({allocation[place] for place in self._places}) <= 1
        # No last edge: what lies past the others is the last one's, also where the sum is 1 - 1e-16.
        self._edges = sums[:-1]

    def __bool__(self) -> bool:
        return bool(self._places)

    def pick(self, u: float) -> int:
        """Index of the variant that u in [0, 1) falls on."""
        return self._places[bisect_right(self._edges, u)]

    def midpoint(self, turn: int) -> float:
        """The u of round robin's turn: the middle of the interval, so that replaying it picks the same."""
        return (turn % len(self._places) + 0.5) / len(self._places)


class Counter:
    """Round robin's counter, with a random phase: many workers must not all begin with the first variant."""

    __slots__ = ("_turn",)

    def __init__(self, rng: random.Random) -> None:
        self._turn = rng.getrandbits(31)

    def advance(self) -> int:
        """The next turn."""
        self._turn += 1
        return self._turn
