"""Plans that were read already: a router sends the same one with each of its requests."""

from collections import OrderedDict

from turnout.aggregator.v1.aggregator_service_pb2 import Plan as Message

from services.aggregator.roster import Roster
from services.aggregator.wire.plans import read_plan

# As many as routers that one process is busy with; the rest is read again.
MOST_PLANS = 512
# Bytes. One with a large meta-model in it is read with each request, rather than fill the memory with others.
LARGEST_KEPT = 65_536


class Plans:
    """The most recent plans, by their bytes, with the handles that they use."""

    def __init__(self, most: int = MOST_PLANS) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, Roster] = OrderedDict()

    def read(self, given: Message) -> Roster:
        """Raises InvalidPlan, each time anew."""
        key = given.SerializeToString()
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        made = Roster(read_plan(given))
        if len(key) <= LARGEST_KEPT:
            self._kept[key] = made
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._kept)
