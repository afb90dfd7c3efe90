"""Plans that were read already: a router sends the same one with each of its requests."""

from collections import OrderedDict
from typing import NamedTuple

from turnout.aggregator.v1.aggregator_service_pb2 import Plan as Message

from services.aggregator.roster import Roster
from services.aggregator.wire.plans import read_plan

# As many as routers that one process is busy with; the rest is read again.
MOST_PLANS = 512
# Bytes. One with a large meta-model in it is read with each request, rather than fill the memory with others.
LARGEST_KEPT = 65_536


class Reading(NamedTuple):
    """A plan by its bytes, and what was made of it."""

    key: bytes
    roster: Roster


class Plans:
    """The most recent plans that were allowed, by their bytes, with the handles that they use."""

    def __init__(self, most: int = MOST_PLANS) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, Roster] = OrderedDict()

    def read(self, given: Message) -> Reading:
        """What is known of the plan, or is made of it now. Raises InvalidPlan, each time anew."""
        key = given.SerializeToString()
        return Reading(key, self._kept.get(key) or Roster(read_plan(given)))

    def keep(self, reading: Reading) -> None:
        """Remember a plan whose caller may have it run: those of others must not push it out."""
        key, roster = reading
        if len(key) > LARGEST_KEPT:
            return
        self._kept[key] = roster
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)
