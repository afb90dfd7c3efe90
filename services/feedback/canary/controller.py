"""Acts on canaries: one process for each of them, the owner of the router's partition.

What was decided is written down under the partition's fence before the router is asked, and becomes an
event with its evidence when the router's configuration shows it. The router compares the etag, so that a
decision upon what is no longer so changes nothing; and the same transition is made once. Whoever dies on the
way leaves the configuration before or after it: the next owner finds either, and goes on from there.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from turnout.feedback.v1.canary_pb2 import CanaryEvidence, CanaryMemory
from turnout.router.v1.router_service_pb2 import TransitionCanaryRequest

from services.feedback.canary.deciding import Memory, Move, decide, remember
from services.feedback.canary.findings import Seen
from services.feedback.canary.observing import Observer
from services.feedback.canary.plan import Canary, Transition
from services.feedback.router_door import RouterDoor
from services.feedback.rulebook import Rulebook
from services.feedback.rules import Rules
from services.feedback.wire.promotions import event_told, evidence_told
from services.foundation.errors import Aborted, TurnoutError, Unavailable
from services.foundation.logs import log
from services.state.canaries import CanaryStore, Remembered
from services.state.errors import NewerFormat
from services.state.ownership import Ownership

LOOK_SECONDS = 0.5
# Rests four times as long as a round took: many canaries never take more than a fifth of their process.
REST = 4.0
# It will hardly think better of it within a look or two.
REFUSED_SECONDS = 30.0


@dataclass
class Controller:
    """Looks at each canary of the partitions that this process owns. `now` is in seconds since 1970."""

    rulebook: Rulebook
    ownership: Ownership
    store: CanaryStore
    observer: Observer
    router: RouterDoor
    now: Callable[[], float]
    # What each canary of ours waits for, in words, by name of its router.
    waits: dict[str, str] = field(default_factory=dict)
    # By router whose trial has ended: the lease and the generation with which nothing is left to do.
    _done: dict[str, tuple[int, int]] = field(default_factory=dict)
    # And those that the router refuses to move: until when they are let alone.
    _later: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Look until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            moved = await self.round()
            # Waiting for the router is no work of ours; and what it did is to be told soon.
            rest = 0.0 if moved else REST * (clock() - begun)
            await asyncio.sleep(max(LOOK_SECONDS, rest))

    async def round(self) -> bool:
        """Look once at every canary; whether any moved. One that cannot be looked at now does not keep the
        others waiting."""
        moved = False
        owned = dict(self.ownership.owned)
        canaries = list(self.rulebook.canaries())
        ours = [rules for rules in canaries if rules.partition in owned]
        self.observer.lately.keep({rules.uid for rules in canaries})
        known = {rules.uid for rules in ours}
        for gone in self.waits.keys() - {rules.name for rules in ours}:
            del self.waits[gone]
        self._done = {uid: at for uid, at in self._done.items() if uid in known}
        self._later = {uid: until for uid, until in self._later.items() if uid in known}
        for rules in ours:
            at = (owned[rules.partition], rules.generation)
            if self._done.get(rules.uid) == at or self.now() < self._later.get(rules.uid, 0.0):
                continue
            try:
                moved |= await self.look(rules)
            except (Unavailable, Aborted) as error:
                log.warning("the canary is looked at again soon", router=rules.name, why=str(error))
            except NewerFormat as error:
                log.error("the canary cannot be read", router=rules.name, why=str(error))
            except TurnoutError as error:
                self._later[rules.uid] = self.now() + REFUSED_SECONDS
                log.error(
                    "the router refuses what its canary's rules want", router=rules.name, why=str(error)
                )
        return moved

    async def look(self, rules: Rules) -> bool:
        """Record what has happened, then do what the rules want; whether that was a move.

        Raises StateUnavailable, LostLease, and what the router refuses: Aborted where it has changed since,
        which is looked at again.
        """
        plan = rules.canary
        if plan is None:
            return False
        token = self.ownership.owned.get(rules.partition)
        held, seen = await self.store.read(rules.uid), await self.observer.see(rules, plan)
        held = await self._record(rules, plan, held, seen)
        memory = remember(memory_of(held.memory), plan, seen)
        decision = decide(plan, memory, seen, self.now())
        self.waits[rules.name] = decision.waiting
        if decision.move is not None and plan.auto:
            await self._act(rules, plan, held, memory, seen, decision.move)
            return True
        if memory != memory_of(held.memory):
            await self._keep(rules, held, kept(held.memory, memory))
        elif not plan.live and token is not None:
            self._done[rules.uid] = (token, rules.generation)
        return False

    async def _record(self, rules: Rules, plan: Canary, held: Remembered, seen: Seen | None) -> Remembered:
        """Make events of the transitions that are none yet."""
        new = [one for one in plan.trial.transitions if one.generation > held.memory.recorded]
        if not new:
            return held
        asked, events = held.memory.asked, []
        for one in new:
            automatic = bool(one.id) and one.id == asked.transition_id
            known = asked.evidence if automatic else await self._known(rules, plan, one, seen)
            events.append(event_told(rules, one, known, automatic=automatic))
        memory = CanaryMemory()
        memory.CopyFrom(held.memory)
        memory.recorded = new[-1].generation
        memory.ClearField("asked")
        fence = self.ownership.fence(rules.partition)
        written = await self.store.write(fence, rules.uid, held, memory, events)
        for event in events:
            log.info("canary", router=rules.name, what=event.kind, to=event.to_percentage, why=event.reason)
        return written

    async def _known(
        self, rules: Rules, plan: Canary, happened: Transition, seen: Seen | None
    ) -> CanaryEvidence:
        noted = await self.store.noted(rules.uid, happened.id) if happened.id else None
        # Evidence of another trial says nothing of this transition.
        now = seen if happened.trial == plan.trial.number else None
        return noted if noted is not None else evidence_told(plan, now)

    async def _act(
        self, rules: Rules, plan: Canary, held: Remembered, memory: Memory, seen: Seen | None, move: Move
    ) -> None:
        request = TransitionCanaryRequest(
            name=rules.name,
            transition_id=transition_id(rules, plan, move),
            etag=plan.etag,
            move=f"CANARY_MOVE_{move.kind}",
            percentage=move.percentage,
            reason=move.reason[:1024],
        )
        wanted = kept(held.memory, memory)
        if held.memory.asked.transition_id == request.transition_id:
            # It was asked for, and nobody knows whether it was heard: the same words again, so that the
            # router can tell.
            request.reason = held.memory.asked.reason
        else:
            wanted.asked.transition_id, wanted.asked.reason = request.transition_id, request.reason
            wanted.asked.evidence.CopyFrom(evidence_told(plan, seen))
        # Under the fence, also where nothing changes: who is no longer the owner asks for nothing.
        await self._keep(rules, held, wanted)
        await self.router.transition(request, None)

    async def _keep(self, rules: Rules, held: Remembered, memory: CanaryMemory) -> None:
        await self.store.write(self.ownership.fence(rules.partition), rules.uid, held, memory)


def memory_of(stored: CanaryMemory) -> Memory:
    """What the rules remember."""
    return Memory(stored.stage, stored.mark, stored.settled)


def kept(stored: CanaryMemory, memory: Memory) -> CanaryMemory:
    """The stored memory with what the rules remember now."""
    made = CanaryMemory()
    made.CopyFrom(stored)
    made.stage, made.mark, made.settled = memory
    return made


def transition_id(rules: Rules, plan: Canary, move: Move) -> str:
    """The same for the same move from the same configuration, whoever asks for it."""
    said = "\0".join([rules.uid, plan.etag, move.kind, f"{move.percentage:g}"])
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()
