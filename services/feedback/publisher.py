"""Publishes what routers have learnt: a new allocation soon after rewards or rules have changed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from services.feedback.allotment import allot
from services.feedback.rulebook import Rulebook
from services.feedback.rules import Rules
from services.feedback.standings import Standings, learner_of
from services.feedback.wire.snapshots import snapshot_of
from services.foundation.errors import Aborted, Unavailable
from services.foundation.logs import log
from services.state.errors import NewerFormat
from services.state.learned import SnapshotStore
from services.state.ownership import Ownership

# A notice can get lost; versions are looked at this often all the same.
LOOK_SECONDS = 1.0


@dataclass
class Publisher:
    """Publishes for the routers of the partitions that this process owns.

    gather_seconds: how long an allocation waits for further rewards.
    """

    rulebook: Rulebook
    standings: Standings
    snapshots: SnapshotStore
    ownership: Ownership
    now: Callable[[], float]
    gather_seconds: float
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    # By router: token of the lease, generation and version of the rewards that were published last.
    _published: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def wake(self) -> None:
        """Something may have changed."""
        self._woken.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
                await asyncio.sleep(self.gather_seconds)
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self.publish_changed()
            except (Unavailable, Aborted) as error:
                log.warning("allocations are not published now", why=str(error))

    async def publish_changed(self) -> None:
        """Publish each router whose rewards or generation differ from what this owner published.

        Raises StateUnavailable, LostLease.
        """
        owned = dict(self.ownership.owned)
        ours = [rules for rules in self.rulebook.learning() if rules.partition in owned]
        versions = await self.standings.rewards.versions([learner_of(rules) for rules in ours])
        kept = {rules.uid for rules in ours}
        self._published = {uid: seen for uid, seen in self._published.items() if uid in kept}
        for rules, version in zip(ours, versions, strict=True):
            seen = (owned[rules.partition], rules.generation, version)
            if self._published.get(rules.uid) == seen:
                continue
            # What is newer than `version` by now is published with it, and once more: it costs little.
            self._published[rules.uid] = seen
            try:
                await self._publish(rules)
            except (Unavailable, Aborted):
                del self._published[rules.uid]
                raise
            except NewerFormat as error:
                # One router that only a newer version can read must not cost the others.
                log.error("rewards cannot be read", router=rules.name, why=str(error))

    async def _publish(self, rules: Rules) -> None:
        standing = await self.standings.read(rules)
        try:
            shares = allot(rules, standing.windows)
        except (KeyError, ValueError) as error:
            # The former allocation stays in force; the next reward or generation is tried anew.
            log.error("no allocation can be computed", router=rules.name, why=str(error))
        else:
            snapshot = snapshot_of(rules, standing, shares, self.now())
            await self.snapshots.publish(snapshot, self.ownership.fence(rules.partition))
