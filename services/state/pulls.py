"""How often arms were drawn, and how often what was drawn failed: counted from the event streams."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.state import formats, keys
from services.state.failures import MappedRedis
from services.state.rewards import LIFETIME_SECONDS
from services.state.scripts import Arg, Script

_COUNT = Script("count_pulls")


class Pulls(NamedTuple):
    """Of one arm: draws, and draws that failed."""

    drawn: int = 0
    failed: int = 0


class Counted(NamedTuple):
    """What is in counts of draws: all up to the entry `until` (empty for none), and of each router, by its
    uid, only what has a place (see `rewards.place_of`) from `since` on."""

    until: str
    since: Mapping[str, bytes] = {}


@dataclass(frozen=True, slots=True)
class PullStore:
    """Reads and writes draws. Every method raises StateUnavailable if Redis is."""

    redis: MappedRedis

    async def read(self, partition: int, router_uid: str) -> dict[str, Pulls]:
        """Draws and failures of each arm of a router."""
        return (await self.read_all([(partition, router_uid)]))[0]

    async def read_all(self, routers: Sequence[tuple[int, str]]) -> list[dict[str, Pulls]]:
        """The same of several, each a partition and a uid, in one round trip."""
        async with self.redis.pipeline() as pipe:
            for partition, router_uid in routers:
                pipe.hgetall(keys.pulls(partition, router_uid))
            return [_pulls(fields) for fields in await pipe.execute()]

    async def counted(self, partition: int, routers: Collection[str]) -> Counted:
        """What is in the counts of these routers."""
        async with self.redis.pipeline() as pipe:
            pipe.get(keys.pulls_until(partition))
            for router in routers:
                pipe.hget(keys.pulls(partition, router), "since")
            until, *since = await pipe.execute()
        return Counted(
            (until or b"").decode(), dict(zip(routers, (one or b"" for one in since), strict=True))
        )

    async def count(
        self, partition: int, counts: Mapping[tuple[str, str], Pulls], *, after: Counted, until: str
    ) -> bool:
        """Add `counts` by (router uid, arm): those of the entries that are not `after` up to `until`.

        False, and nothing changes, if what is counted is not `after`: somebody else has counted, or reset.
        """
        routers = sorted({router for router, _ in counts})
        args: list[Arg] = [after.until, until, LIFETIME_SECONDS, formats.PULLS]
        args += [after.since.get(router, b"") for router in routers]
        for (router, arm), pulls in sorted(counts.items()):
            place = routers.index(router) + 2
            args += [place, f"drawn:{arm}", pulls.drawn, place, f"failed:{arm}", pulls.failed]
        named = [keys.pulls_until(partition), *(keys.pulls(partition, router) for router in routers)]
        done, told = await _COUNT(self.redis, named, args)
        if done < 0:
            formats.check("count of pulls", int(told), formats.PULLS)
        return bool(done)


def _pulls(fields: Mapping[bytes, bytes]) -> dict[str, Pulls]:
    counts = {key.decode(): int(count) for key, count in fields.items() if key != b"since"}
    formats.check("count of draws", counts.pop("format", 0), formats.PULLS)
    arms = {key.partition(":")[2] for key in counts}
    return {arm: Pulls(counts.get(f"drawn:{arm}", 0), counts.get(f"failed:{arm}", 0)) for arm in arms}
