"""What routers have learnt: published by feedback under a growing version, followed by every replica."""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from turnout.feedback.v1.rewards_pb2 import RewardSnapshot

from services.foundation.errors import Aborted
from services.foundation.logs import log
from services.state import formats, ids, keys
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.fenced import Fence, lost
from services.state.notices import POLL_SECONDS, Notices
from services.state.scripts import Arg, Run, Script

PUBLISH_REWARDS = Script("publish_rewards")

# As long as the sums that it was computed from.
LIFETIME_MS = 90 * 86_400 * 1000
ATTEMPTS = 4
MOST_REMEMBERED = 100_000


class SnapshotStore:
    """Writes and reads the snapshots. Feedback is the only writer."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady
        # Of what was published here: seldom has anybody else published since, and then the script says so.
        self._versions: dict[str, int] = {}

    async def publish(self, snapshot: RewardSnapshot, fence: Fence) -> int:
        """Publish under the next version, which is returned, and filled into what is stored.

        Raises LostLease, NewerFormat, Aborted, StateUnavailable; if the outcome is unknown, publish again.
        """
        (outcome,) = await self.publish_all([(snapshot, fence)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def publish_all(self, those: Sequence[tuple[RewardSnapshot, Fence]]) -> list[int | Exception]:
        """The same of many, in a round trip or two: the version of each, or why it was not published.

        Raises StateUnavailable if the outcome of all is unknown.
        """
        uids = [snapshot.router_uid for snapshot, _ in those]
        known = {uid: self._versions[uid] for uid in uids if uid in self._versions}
        if unknown := [uid for uid in uids if uid not in known]:
            known |= await self.versions(unknown)
        outcomes: list[int | Exception] = [_beaten(snapshot) for snapshot, _ in those]
        left = list(range(len(those)))
        for _ in range(ATTEMPTS):
            versions = [known.get(uids[place], 0) + 1 for place in left]
            runs = [_run(*those[place], version) for place, version in zip(left, versions, strict=True)]
            replies = await PUBLISH_REWARDS.many(self._redis, runs)
            behind = []
            for place, version, reply in zip(left, versions, replies, strict=True):
                if not isinstance(reply, Exception) and reply[0] == b"BEHIND":
                    known[uids[place]] = reply[1]
                    behind.append(place)
                else:
                    outcomes[place] = outcome = _outcome(reply, version, those[place][1])
                    self._remember(uids[place], outcome)
            left = behind
            if not left:
                break
        return outcomes

    def _remember(self, uid: str, outcome: int | Exception) -> None:
        self._versions.pop(uid, None)
        if isinstance(outcome, int):
            self._versions[uid] = outcome
            if len(self._versions) > MOST_REMEMBERED:
                del self._versions[next(iter(self._versions))]

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


def _run(snapshot: RewardSnapshot, fence: Fence, version: int) -> Run:
    made = RewardSnapshot()
    made.CopyFrom(snapshot)
    made.format, made.version = formats.REWARDS, version
    blob = made.SerializeToString(deterministic=True)
    notice = f"{made.router_uid} {version}"
    key = keys.rewards(ids.partition_for(made.router_uid), made.router_uid)
    args: list[Arg] = [fence.token, version, formats.REWARDS, blob, LIFETIME_MS]
    return [fence.key, key], [*args, keys.rewards_channel(), notice]


def _outcome(reply: Any, version: int, fence: Fence) -> int | Exception:
    if isinstance(reply, Exception):
        return reply
    if reply[0] == b"PUBLISHED":
        return version
    if reply[0] == b"FENCED":
        return lost(fence)
    try:
        formats.check("reward snapshot", int(reply[1]), formats.REWARDS)
    except NewerFormat as newer:
        return newer
    return Aborted("the snapshot that is there is of another format")


def _beaten(snapshot: RewardSnapshot) -> Aborted:
    return Aborted("others kept publishing for the same router", router=snapshot.router)


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
