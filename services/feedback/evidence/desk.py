"""The states that this process folds, held in memory for as long as it owns their partitions."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from turnout.feedback.v1.evidence_pb2 import EvidenceState

from services.feedback.evidence.observations import Words
from services.feedback.evidence.plan import Watch
from services.feedback.rules import Rules
from services.state import evidence_keys
from services.state.evidence import EvidenceLog, Operation, Place, state_kept
from services.state.fenced import Fence
from services.state.ids import PARTITIONS

# They are 8 bytes each, here and in Redis.
MOST_UNITS = 1_000_000
# Of all experiments in one process: what has waited longest is read again when it is its turn.
MOST_UNITS_HELD = 8_000_000


@dataclass(slots=True)
class Held:
    """What was read or written last, under the fence's token."""

    token: str
    state: EvidenceState


@dataclass(frozen=True, slots=True)
class Desk:
    """Hands out states and puts them back. Whoever works on a partition holds its lock from the one to the
    other: decisions that come must not find a minute open that is being folded."""

    log: EvidenceLog
    locks: Sequence[asyncio.Lock] = field(default_factory=lambda: [asyncio.Lock() for _ in range(PARTITIONS)])
    _held: dict[str, Held] = field(default_factory=dict)
    _units: OrderedDict[tuple[str, str, str], Words] = field(default_factory=OrderedDict)

    async def take(self, rules: Rules, watch: Watch, fence: Fence) -> EvidenceState:
        """A copy of the router's state to work on; a new one if another epoch begins here. Raises
        StateUnavailable, NewerFormat."""
        held = self._held.get(rules.uid)
        if held is None or held.token != fence.token:
            state = await self.log.state(Place(rules.partition, rules.uid))
            held = self._held[rules.uid] = Held(fence.token, state or EvidenceState())
        if held.state.epoch != watch.epoch:
            return begun(rules, watch)
        mine = EvidenceState()
        mine.CopyFrom(held.state)
        return mine

    async def put(
        self, rules: Rules, fence: Fence, state: EvidenceState, others: Sequence[Operation] = ()
    ) -> None:
        """Keep a state if it is another than before, and what goes with it. Raises LostLease,
        StateUnavailable: then nobody knows what is there, and it is read again."""
        place = Place(rules.partition, rules.uid)
        # It may have been let go meanwhile: a router that came by its events before the catalog told of it.
        before = self._held.pop(rules.uid, None) or Held(fence.token, EvidenceState())
        own = [] if before.state == state else [state_kept(place, state)]
        if before.state.epoch not in ("", state.epoch):
            own.append(Operation(evidence_keys.units(*place, before.state.epoch), "DEL"))
        if own or others:
            await self.log.write(fence, [*own, *others])
        self._held[rules.uid] = Held(fence.token, state)

    async def units(self, rules: Rules, fence: Fence, epoch: str) -> Words:
        """Entities that had their observation, sorted. Raises StateUnavailable."""
        name = (rules.uid, epoch, fence.token)
        if name not in self._units:
            self._units[name] = await self.log.units(Place(rules.partition, rules.uid), epoch)
        self._units.move_to_end(name)
        while len(self._units) > 1 and sum(map(len, self._units.values())) > MOST_UNITS_HELD:
            self._units.popitem(last=False)
        return self._units[name]

    def remember(self, rules: Rules, fence: Fence, epoch: str, new: Words) -> None:
        """Add entities that `put` has written, sorted too."""
        name = (rules.uid, epoch, fence.token)
        known = self._units.pop(name, None)
        if known is not None:
            self._units[name] = np.insert(known, np.searchsorted(known, new), new)

    def keep(self, uids: Collection[str]) -> None:
        """Let go of all other routers: they are another's, or no more."""
        for uid in self._held.keys() - uids:
            del self._held[uid]
        for name in [name for name in self._units if name[0] not in uids]:
            del self._units[name]


def begun(rules: Rules, watch: Watch) -> EvidenceState:
    """A new epoch: from the generation on that is in force, which began at `rules.updated`."""
    minute = int(rules.updated // 60)
    return EvidenceState(
        epoch=watch.epoch, generation=rules.generation, started=minute, seen=minute, told=minute
    )
