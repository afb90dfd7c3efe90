"""Publishes what routers have learnt: a new allocation soon after rewards or rules have changed."""

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from turnout.feedback.v1.rewards_pb2 import RewardSnapshot

from services.feedback.allotment import Account, Allotted, allot_all
from services.feedback.outstanding import Outstanding
from services.feedback.rulebook import Rulebook
from services.feedback.rules import Rules
from services.feedback.standings import Standing, Standings, learner_of
from services.feedback.wire.snapshots import snapshot_of
from services.foundation.errors import Aborted, Unavailable
from services.foundation.logs import log
from services.state.errors import NewerFormat
from services.state.learned import SnapshotStore
from services.state.ownership import Ownership

LOOK_SECONDS = 1.0
# A notice can get lost; every router is looked at once in so many looks all the same. All of them each second
# would make an idle process cost with the number of its routers.
LOOKS = 5
# Computed and published at a time: others have their turn in between.
AT_ONCE = 100


@dataclass
class Publisher:
    """Publishes for the routers of the partitions that this process owns.

    gather_seconds: how long an allocation waits for further rewards. now: in seconds since 1970.
    """

    rulebook: Rulebook
    standings: Standings
    snapshots: SnapshotStore
    ownership: Ownership
    now: Callable[[], float]
    gather_seconds: float
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    # Uids of routers that somebody spoke of; an empty one speaks of all.
    _told: set[str] = field(default_factory=set)
    # By router: token of the lease, generation, version of the rewards and draws that were published last.
    _published: dict[str, tuple[int, int, bytes, int]] = field(default_factory=dict)
    _outstanding: Outstanding = field(default_factory=Outstanding)
    _round: int = 0

    def wake(self, uid: str = "") -> None:
        """Something may have changed, of one router or of any."""
        self._told.add(uid)
        self._woken.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        clock = asyncio.get_running_loop().time
        looked = clock()
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
                await asyncio.sleep(self.gather_seconds)
            except TimeoutError:
                pass
            self._woken.clear()
            told, self._told = self._told, set()
            due = clock() - looked >= LOOK_SECONDS
            looked = clock() if due else looked
            try:
                await self._look(self._candidates(told, due))
            except (Unavailable, Aborted) as error:
                self._told |= told
                log.warning("allocations are not published now", why=str(error))

    async def publish_changed(self) -> None:
        """Publish each router whose rewards or generation differ from what this owner published.

        Raises StateUnavailable, LostLease.
        """
        await self._look(self._ours())

    def _ours(self) -> list[Rules]:
        owned = self.ownership.owned
        return [rules for rules in self.rulebook.learning() if rules.partition in owned]

    def _candidates(self, told: Collection[str], due: bool) -> list[Rules]:
        """Those that were spoken of or are new here, and in turn a part of all."""
        ours = self._ours()
        if "" in told:
            return ours
        self._round += due
        part = math.ceil(len(ours) / LOOKS) if due else 0
        first = self._round % LOOKS * part
        return [
            rules
            for place, rules in enumerate(ours)
            if rules.uid in told
            or first <= place < first + part
            or (due and follows_draws(rules))
            or not self._knows(rules)
        ]

    def _knows(self, rules: Rules) -> bool:
        token, generation, *_ = self._published.get(rules.uid, (0, 0))
        return (token, generation) == (self.ownership.owned.get(rules.partition), rules.generation)

    async def _look(self, among: Sequence[Rules]) -> None:
        if not among:
            return
        owned = dict(self.ownership.owned)
        versions = await self.standings.rewards.versions([learner_of(rules) for rules in among])
        draws = await self._draws(among)
        self._forget()
        changed = []
        for rules, version in zip(among, versions, strict=True):
            seen = (owned.get(rules.partition, 0), rules.generation, version, draws.get(rules.uid, 0))
            if self._published.get(rules.uid) != seen:
                changed.append(rules)
                # What is newer than `version` by now is published with it, and once more: it costs little.
                self._published[rules.uid] = seen
        for first in range(0, len(changed), AT_ONCE):
            some = changed[first : first + AT_ONCE]
            try:
                await self._publish(some)
            except (Unavailable, Aborted):
                for rules in changed[first:]:
                    self._published.pop(rules.uid, None)
                raise

    async def _draws(self, among: Sequence[Rules]) -> dict[str, int]:
        """How often the arms of those were drawn whose allocation follows draws."""
        those = [rules for rules in among if follows_draws(rules)]
        totals = zip(those, await self.standings.drawn(those), strict=True)
        # Whose draws cannot be read is told of when its standing is.
        return {rules.uid: total for rules, total in totals if isinstance(total, int)}

    def _forget(self) -> None:
        kept = {rules.uid for rules in self._ours()}
        if self._published.keys() - kept:
            self._published = {uid: seen for uid, seen in self._published.items() if uid in kept}
            self._outstanding.keep(kept)
            self.standings.contexts.keep(kept)

    async def _publish(self, some: Sequence[Rules]) -> None:
        readable = []
        for rules, standing in zip(some, await self.standings.read_all(some), strict=True):
            if isinstance(standing, Standing):
                readable.append((rules, standing))
            else:
                log.error("rewards cannot be read", router=rules.name, why=repr(standing))
        made = []
        accounts = [self._account(rules, standing) for rules, standing in readable]
        for (rules, standing), found in zip(readable, allot_all(accounts), strict=True):
            if isinstance(found, Allotted):
                snapshot = self._snapshot(rules, standing, found)
                made += [(snapshot, self.ownership.fence(rules.partition))] if snapshot else []
            else:
                # The former allocation stays in force; the next reward or generation is tried anew.
                log.error("no allocation can be computed", router=rules.name, why=str(found))
        for (snapshot, _), outcome in zip(made, await self.snapshots.publish_all(made), strict=True):
            if isinstance(outcome, NewerFormat):
                log.error("rewards cannot be published", router=snapshot.router, why=str(outcome))
            elif isinstance(outcome, Exception):
                raise outcome

    def _snapshot(self, rules: Rules, standing: Standing, found: Allotted) -> RewardSnapshot | None:
        """None where this router's numbers cannot be told: that must not cost the others."""
        try:
            return snapshot_of(rules, standing, found, self.now())
        except (ArithmeticError, ValueError) as error:
            log.error("what was learnt cannot be told", router=rules.name, why=str(error))
            return None

    def _account(self, rules: Rules, standing: Standing) -> Account:
        assert rules.learning is not None  # noqa: S101 - the rulebook names those that learn
        lives, delay = standing.states.arms, rules.learning.reward_delay
        pending = self._outstanding.of(rules.uid, delay, standing.pulls, lives, self.now())
        return Account(rules, standing.windows, lives, pending, self.rulebook.costs(rules))


def follows_draws(rules: Rules) -> bool:
    """Whether a router's allocation changes with its draws, before their rewards are there."""
    return rules.learning is not None and rules.learning.follows_draws
