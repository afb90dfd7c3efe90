"""Who leads which partition: leases with fencing tokens, shared out between the living members of a group."""

import asyncio
import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from services.foundation.logs import log
from services.state import keys
from services.state.connection import Connections
from services.state.errors import LostLease, StateUnavailable
from services.state.fenced import Fence
from services.state.ids import PARTITIONS
from services.state.scripts import Arg, Run, Script
from services.state.waits import Waits

TAKE_LEASE = Script("take_lease", repeatable=True)
RELEASE_LEASE = Script("release_lease", repeatable=True)
JOIN = Script("beat", repeatable=True)

# A crashed member's partitions have a new owner about this long after; much less, and a busy machine loses
# leases.
LEASE_SECONDS = 3.0
ROUNDS_PER_LEASE = 4
MEMBERS_MS = 3600 * 1000
MOST_MEMBERS = 1000


class Holder(Protocol):
    """Something that works on partitions while they are owned, such as a consumer."""

    def busy(self, partition: int) -> bool:
        """Whether it works on the partition right now. It must not begin with one that is not in `owned`."""

    async def idle(self) -> None:
        """Wait until it is busy with none of those that it may not begin with."""


class Ownership:
    """This process's share of the 64 partitions of a group.

    `owned` has the token of each owned partition. Everything that a group does to a partition hangs on one
    lease, so a process that reads several streams makes one Ownership and registers a holder for each. Run
    `run()` in the background; `drain()` hands everything over at once.
    """

    def __init__(
        self,
        connections: Connections,
        group: str,
        owner: str,
        *,
        rng: random.Random,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """`owner`: an id that no other process has or had, from `ids.new_uid`."""
        self.group = group
        self.owner = owner
        self._redis = connections.steady
        self._rng = rng
        self._lease_ms = int(lease_seconds * 1000)
        self._holders: list[Holder] = []
        self._owned: dict[int, int] = {}
        # No longer ours to begin with, still leased until the holders are done with them.
        self._leaving: dict[int, int] = {}
        self._draining = False
        self._turn = asyncio.Lock()
        self._changed = asyncio.Condition()

    @property
    def owned(self) -> Mapping[int, int]:
        """Token by partition, of what is owned now."""
        return MappingProxyType(self._owned)

    def fence(self, partition: int) -> Fence:
        """What makes a write fail once somebody else leads the partition. Raises LostLease if it is not
        ours."""
        if partition not in self._owned:
            raise LostLease("another process leads the partition", retry_after=1.0, partition=partition)
        return Fence.of(partition, self.group, self._owned[partition])

    def register(self, holder: Holder) -> None:
        """Have `holder` asked before a partition is handed over."""
        self._holders.append(holder)

    async def run(self) -> None:
        """Renew, take and hand over until cancelled."""
        waits = Waits(self._rng)
        while not self._draining:
            try:
                await self.round()
                waits.reset()
                pause = self._lease_ms / 1000 / ROUNDS_PER_LEASE
            except StateUnavailable as error:
                # What is owned stays owned: nobody can take it from a Redis that does not answer, and the
                # tokens tell if somebody did.
                if not waits.waiting:
                    log.warning(
                        "leases are not renewed now", group=self.group, cause=error.facts.get("cause")
                    )
                pause = waits.next()
            await asyncio.sleep(pause)

    async def round(self) -> None:
        """Renew what is owned, hand over what is too much, take what is too little. Raises
        StateUnavailable."""
        async with self._turn:
            if self._draining:
                return
            members = await self._join()
            await self._renew(self._owned)
            await self._renew(self._leaving)
            excess = len(self._owned) - _share(members, self.owner)
            if excess < 0:
                await self._take(-excess, members)
            for partition in list(self._owned)[len(self._owned) - max(excess, 0) :]:
                self._leaving[partition] = self._owned.pop(partition)
            await self._hand_over()
            await self._tell()

    async def changed(self, known: Mapping[int, int], seconds: float) -> None:
        """Wait until something else than `known` is owned, at most `seconds`."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self._owned != known)
        except TimeoutError:
            return

    async def drain(self) -> None:
        """Hand everything over once the holders are done, and take nothing more."""
        self._draining = True
        async with self._turn:
            self._leaving |= self._owned
            self._owned.clear()
            for holder in self._holders:
                await holder.idle()
            try:
                await self._hand_over()
                await self._redis.zrem(keys.members(self.group), self.owner)
            except StateUnavailable as error:
                log.warning("leases are left to run out", group=self.group, cause=error.facts.get("cause"))
            await self._tell()

    async def _join(self) -> list[str]:
        limits = [self._lease_ms, MEMBERS_MS, MOST_MEMBERS]
        members = await JOIN(self._redis, [keys.members(self.group)], [self.owner, *limits])
        return sorted(member.decode() for member in members)

    async def _renew(self, leases: dict[int, int]) -> None:
        for partition, token in (await self._lease(list(leases))).items():
            if token == 0:
                log.warning("lost a lease", group=self.group, partition=partition)
                del leases[partition]
            else:
                # A lease that ran out and was taken again has a new token: holders must begin anew.
                leases[partition] = token

    async def _take(self, wanted: int, members: list[str]) -> None:
        # Each member begins at a place of its own, so that they rarely reach for the same ones.
        start = PARTITIONS * members.index(self.owner) // len(members)
        free = [(start + step) % PARTITIONS for step in range(PARTITIONS)]
        free = [partition for partition in free if partition not in self._owned | self._leaving]
        while wanted > 0 and free:
            some, free = free[:wanted], free[wanted:]
            taken = {partition: token for partition, token in (await self._lease(some)).items() if token}
            self._owned |= taken
            wanted -= len(taken)

    async def _lease(self, partitions: list[int]) -> dict[int, int]:
        """Take or renew. Returns the tokens, 0 for what is another's. Raises StateUnavailable."""
        args: list[Arg] = [self.owner, self._lease_ms]
        pairs = [[keys.lease(one, self.group), keys.token(one, self.group)] for one in partitions]
        tokens = await TAKE_LEASE.many(self._redis, [(pair, args) for pair in pairs]) if pairs else []
        for token in tokens:
            if isinstance(token, Exception):
                raise token
        return dict(zip(partitions, tokens, strict=True))

    async def _hand_over(self) -> None:
        done = [one for one in self._leaving if not any(holder.busy(one) for holder in self._holders)]
        if done:
            runs: list[Run] = [([keys.lease(one, self.group)], [self.owner]) for one in done]
            await RELEASE_LEASE.many(self._redis, runs)
        for partition in done:
            del self._leaving[partition]

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _share(members: list[str], member: str) -> int:
    """How many partitions a member leads, so that the shares differ by one at most and add up.

    >>> [_share(["a", "b", "c"], member) for member in "abc"]
    [22, 21, 21]
    """
    share, over = divmod(PARTITIONS, len(members))
    return share + (members.index(member) < over)
