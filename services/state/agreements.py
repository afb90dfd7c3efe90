"""How often members of full panels agreed, from the tallies that aggregators keep of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from turnout.aggregator.v1.panels_pb2 import PanelTally
from turnout.router.v1.router_pb2 import Router

from services.state.panels import DAY, HOUR, PanelStore


class Agreed(NamedTuple):
    """Of how many, and in how many of them."""

    of: int = 0
    agreed: int = 0

    @property
    def share(self) -> float | None:
        """0 to 1; None of nothing."""
        return self.agreed / self.of if self.of else None

    def plus(self, other: "Agreed") -> "Agreed":
        """Both together."""
        return Agreed(self.of + other.of, self.agreed + other.agreed)


@dataclass(slots=True)
class Agreements:
    """members: by variant, panels whose answers are either the verdict or not, and those in which its own
    was. pairs: rows that two members answered, once for each pair, and those on which they said the same."""

    members: dict[str, Agreed] = field(default_factory=dict)
    pairs: Agreed = field(default_factory=Agreed)

    def add(self, tally: PanelTally) -> None:
        """Take in a tally."""
        for one in tally.members:
            seen = Agreed(one.judged, one.judged - one.dissents)
            self.members[one.variant] = self.members.get(one.variant, Agreed()).plus(seen)
        rows = sum(tally.pairs.rows)
        self.pairs = self.pairs.plus(Agreed(rows, rows - sum(tally.pairs.differing)))


def asks_several(router: Router) -> bool:
    """Whether there may be panels of it."""
    actions = (policy.WhichOneof("action") for policy in router.policies)
    return router.HasField("ensemble") or "ensemble" in actions


async def agreements(store: PanelStore, router_uid: str, start: float, end: float) -> Agreements:
    """Of the hours that these times, in seconds since 1970, touch. Raises StateUnavailable, NewerFormat."""
    found = Agreements()
    for day, hours in groupby(_hours(start, end), lambda hour: hour // DAY):
        for _, tally in await store.read(router_uid, day, hours):
            found.add(tally)
    return found


def _hours(start: float, end: float) -> Iterable[int]:
    return range(int(start // HOUR) * HOUR, int(end) + 1, HOUR)
