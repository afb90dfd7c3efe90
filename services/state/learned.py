"""What routers have learnt: published by feedback under a growing version, followed by every replica."""

import asyncio
import random
from collections.abc import Callable, Iterable

from turnout.feedback.v1.rewards_pb2 import RewardSnapshot

from services.foundation.errors import Aborted
from services.foundation.logs import log
from services.state import formats, ids, keys
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.fenced import Fence, lost
from services.state.notices import POLL_SECONDS, Notices
from services.state.scripts import Arg, Script

PUBLISH_REWARDS = Script("publish_rewards")

# As long as the sums that it was computed from.
LIFETIME_MS = 90 * 86_400 * 1000
ATTEMPTS = 4


class SnapshotStore:
    """Writes and reads the snapshots. Feedback is the only writer."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def publish(self, snapshot: RewardSnapshot, fence: Fence) -> int:
        """Publish under the next version, which is returned, and filled into what is stored.

        Raises LostLease, NewerFormat, StateUnavailable; if the outcome is unknown, publish again.
        """
        made = RewardSnapshot()
        made.CopyFrom(snapshot)
        made.format = formats.REWARDS
        key = keys.rewards(ids.partition_for(made.router_uid), made.router_uid)
        known = int(await self._redis.hget(key, "version") or 0)
        for _ in range(ATTEMPTS):
            made.version = known + 1
            notice = f"{made.router_uid} {made.version}"
            blob = made.SerializeToString(deterministic=True)
            args: list[Arg] = [fence.token, made.version, formats.REWARDS, blob, LIFETIME_MS]
            args += [keys.rewards_channel(), notice]
            outcome, *there = await PUBLISH_REWARDS(self._redis, [fence.key, key], args)
            if outcome == b"FENCED":
                raise lost(fence)
            if outcome == b"PUBLISHED":
                return made.version
            if outcome == b"NEWER":
                formats.check("reward snapshot", int(there[0]), formats.REWARDS)
            known = there[0]
        raise Aborted("others kept publishing for the same router", router=made.router)

    async def read(self, router_uid: str) -> RewardSnapshot | None:
        """The snapshot in force; None if nothing was published. Raises StateUnavailable, NewerFormat."""
        key = keys.rewards(ids.partition_for(router_uid), router_uid)
        number, blob = await self._redis.hmget(key, ["format", "snapshot"])
        if number is None or blob is None:
            return None
        formats.check("reward snapshot", int(number), formats.REWARDS)
        return RewardSnapshot.FromString(blob)

    async def versions(self, router_uids: list[str]) -> dict[str, int]:
        """Version by router, of those that have a snapshot, in one round trip. Raises StateUnavailable."""
        async with self._redis.pipeline() as pipe:
            for uid in router_uids:
                pipe.hget(keys.rewards(ids.partition_for(uid), uid), "version")
            found = await pipe.execute()
        return {uid: int(version) for uid, version in zip(router_uids, found, strict=True) if version}


class LearnedFollower:
    """Keeps `snapshots`, by router uid, of the routers that `wanted()` names.

    `on_change(snapshot)` is called for each new one. While Redis is away the last ones stay, and
    `stale_seconds` says for how long they have not been looked after. Run `run()` in the background.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        wanted: Callable[[], Iterable[str]],
        on_change: Callable[[RewardSnapshot], None] | None = None,
        rng: random.Random,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._store = SnapshotStore(connections)
        self._wanted = wanted
        self._on_change = on_change
        self._polled: float | None = None
        self.snapshots: dict[str, RewardSnapshot] = {}
        self.unreadable: dict[str, Exception] = {}
        self.run = Notices(
            connections,
            keys.rewards_channel(),
            "what is learnt",
            look=self.poll,
            hear=self._heard,
            rng=rng,
            poll_seconds=poll_seconds,
        ).run

    @property
    def stale_seconds(self) -> float:
        """Seconds since Redis was last asked; infinite before the first time."""
        if self._polled is None:
            return float("inf")
        return asyncio.get_running_loop().time() - self._polled

    async def poll(self) -> None:
        """Look at every wanted router once. Raises StateUnavailable."""
        wanted = list(self._wanted())
        for uid, version in (await self._store.versions(wanted)).items():
            await self._take(uid, version)
        for uid in self.snapshots.keys() - set(wanted):
            del self.snapshots[uid]
        self._polled = asyncio.get_running_loop().time()

    async def _heard(self, notice: bytes) -> None:
        uid, _, version = notice.decode().partition(" ")
        if uid in set(self._wanted()):
            await self._take(uid, int(version))

    async def _take(self, uid: str, version: int) -> None:
        held = self.snapshots.get(uid)
        # Not "greater": a store that was restored from a copy may be behind.
        if held is not None and held.version == version:
            return
        try:
            snapshot = await self._store.read(uid)
        except NewerFormat as error:
            if uid not in self.unreadable:
                log.error("cannot read what was learnt; the former stays", router=uid, why=str(error))
            self.unreadable[uid] = error
            return
        self.unreadable.pop(uid, None)
        if snapshot is not None:
            self.snapshots[uid] = snapshot
            if self._on_change is not None:
                self._on_change(snapshot)
