"""What arms have earned: sums over their lives and windows of their newest rewards, in whole millionths.

A value is a share of its measure's range in millionths, so every sum is an integer and two replicas that saw
the same reports agree to the last digit. The window of an arm holds its N accepted rewards with the greatest
prediction ids, whatever order they came in, packed and sorted: 24 bytes each.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.state import concept_keys, formats, ids, keys, metric_keys
from services.state.arm_states import ArmStates, states_of
from services.state.buckets import buckets_of
from services.state.claims import Applied, Claim, Learner, Repeats, Report
from services.state.failures import MappedRedis
from services.state.labels import encoded
from services.state.outcomes import Counted
from services.state.scripts import Arg, Run, Script

# Long enough for the slowest of routers; after it what an arm once earned says nothing about it.
LIFETIME_SECONDS = 90 * 86_400
# A record of reports outlives its horizon, so that clocks that differ cannot count a report twice.
MARGIN_SECONDS = 3_600

# Cells of one router in one bucket of time. Those of segments are refused earlier: what counts each report
# once must find room.
CELLS, SEGMENT_CELLS = 1000, 600

APPLY_REWARD = Script("apply_reward", repeatable=True)
_PLACE = [("id_high", ">u8"), ("id_low", ">u8"), ("row", ">u4")]
WINDOW = np.dtype([*_PLACE, ("units", ">u4")])


class Group(NamedTuple):
    """What reports have in common that are applied together: all of a claim but the report."""

    learner: Learner
    arm: str
    minute: int
    window: int
    horizon: float
    told: bool
    counted: Counted | None
    repeats: Repeats
    zero: int


def _nothing() -> Container[int]:
    return ()


def _nobody(_uid: str) -> None:
    """Nobody waits for changes."""


@dataclass(frozen=True, slots=True)
class RewardStore:
    """Reads and writes what arms have earned. Every method raises StateUnavailable if Redis is.

    own: partitions whose changes this process follows itself: `changed` hears of those at once, by the uid of
    the router. All others are announced through Redis.
    """

    redis: MappedRedis
    own: Callable[[], Container[int]] = _nothing
    changed: Callable[[str], None] = _nobody

    async def apply(self, claims: Sequence[Claim], now: float) -> list[Applied]:
        """Count each claim's report once, in one round trip; doing it again changes nothing."""
        found = [Applied.EXPIRED] * len(claims)
        groups = defaultdict[Group, list[tuple[int, Report]]](list)
        for place, claim in enumerate(await self._numbered(claims)):
            if now < ids.time_of(claim.report.prediction_id) + claim.horizon:
                groups[_group(claim)].append((place, claim.report))
        replies = await self._applied(groups, now)
        for reply, some in zip(replies, groups.values(), strict=True):
            for (place, _), status in zip(some, _statuses(reply), strict=True):
                found[place] = status
        return found

    async def _applied(self, groups: Mapping[Group, Sequence[tuple[int, Report]]], now: float) -> list[Any]:
        own, runs = self.own(), list[Run]()
        mine = set[str]()
        for group, some in groups.items():
            near = group.told and group.learner.partition in own
            if near:
                mine.add(group.learner.uid)
            runs.append(_run(group, [one for _, one in some], now, announced=group.told and not near))
        try:
            if len(runs) == 1:
                return [await APPLY_REWARD(self.redis, *runs[0])]
            return list(await APPLY_REWARD.many(self.redis, runs))
        finally:
            # Also where the outcome is unknown.
            for uid in mine:
                self.changed(uid)

    async def _numbered(self, claims: Sequence[Claim]) -> list[Claim]:
        """The claims, with the number of each pair of labels as its value."""
        asked = [(place, claim.pair) for place, claim in enumerate(claims) if claim.pair]
        found = list(claims)
        places = [(*claims[place].learner[:2], pair) for place, pair in asked]
        for (place, _), units in zip(asked, await encoded(self.redis, places), strict=True):
            found[place] = found[place]._replace(report=found[place].report._replace(units=units))
        return found

    async def read(self, learner: Learner) -> ArmStates:
        """What the arms have earned."""
        return (await self.read_all([learner]))[0]

    async def read_all(self, learners: Sequence[Learner]) -> list[ArmStates]:
        """The same of several learners in one round trip."""
        async with self.redis.pipeline() as pipe:
            for learner in learners:
                pipe.hgetall(keys.arms(*learner))
            return [states_of(fields) for fields in await pipe.execute()]

    async def versions(self, learners: Sequence[Learner]) -> list[bytes]:
        """Of each learner what every distinct report changes, as it is stored; empty before the first. In one
        round trip."""
        async with self.redis.pipeline() as pipe:
            for learner in learners:
                pipe.hget(keys.arms(*learner), "version")
            return [version or b"" for version in await pipe.execute()]

    async def windows(self, learner: Learner, arms: Iterable[str]) -> dict[str, NDArray[Any]]:
        """The window of each arm as an array of WINDOW, oldest prediction first."""
        arms = list(arms)
        async with self.redis.pipeline() as pipe:
            for arm in arms:
                pipe.get(keys.arm_window(*learner, arm))
            packed = await pipe.execute()
        return {arm: np.frombuffer(blob or b"", WINDOW) for arm, blob in zip(arms, packed, strict=True)}


def place_of(prediction_id: str, row: int) -> bytes:
    """Where a row's reward stands in a window: 20 bytes that order as ids, then rows, do."""
    return bytes.fromhex(prediction_id.replace("-", "")) + row.to_bytes(4, "big")


def _group(claim: Claim) -> Group:
    report, minute = claim.report, ids.minute_of(claim.report.prediction_id)
    rules = claim.window, claim.horizon, claim.told, claim.counted, claim.repeats, claim.zero
    return Group(claim.learner, report.arm, minute, *rules)


def _run(group: Group, reports: Sequence[Report], now: float, announced: bool) -> Run:
    learner = group.learner
    kept = (group.minute + 1) * 60 + group.horizon + MARGIN_SECONDS - now
    places, counting = _counting(group, now)
    named = [
        keys.arms(*learner),
        keys.arm_window(*learner, group.arm),
        keys.reports_applied(learner.partition, group.minute),
        concept_keys.rewarded(learner.partition),
        *places,
    ]
    told: list[Arg] = []
    for one in reports:
        name = f"{one.prediction_id}/{one.row}"
        told += [f"{one.units} {one.observed} {name} {one.feedback_id}", place_of(one.prediction_id, one.row)]
    # The end of the uid is enough: it tells apart the few learners that one prediction has.
    about = f"/{learner.uid[-12:]}/{learner.measure}"
    return named, (
        group.arm,
        about,
        group.window,
        max(int(kept), 1),
        LIFETIME_SECONDS,
        keys.arms_channel() if announced else "",
        f"{learner.partition} {learner.uid}",
        formats.ARMS,
        group.repeats,
        group.zero,
        formats.OUTCOMES,
        group.counted.noted(now, group.minute, about) if group.counted else "",
        len(reports),
        *told,
        *counting,
    )


def _counting(group: Group, now: float) -> Run:
    """The buckets of time that the reports are counted in, and the arguments that say how."""
    if group.counted is None:
        return (), ()
    buckets = buckets_of(group.minute * 60, now)
    places: list[str] = []
    told: list[Arg] = []
    for bucket in buckets:
        place = metric_keys.outcomes(group.learner.partition, group.counted.router_uid, bucket.name)
        for cell in group.counted.cells:
            places.append(place)
            most = SEGMENT_CELLS if cell.segment else CELLS
            told += [bucket.lifetime(now), most, cell.field, cell.elsewhere().field]
    return places, told


def _statuses(reply: Any) -> list[Applied]:
    if isinstance(reply, Exception):
        raise reply
    if reply[0] == b"NEWER_FORMAT":
        formats.check("reward state", int(reply[1]), formats.ARMS)
    return [Applied(status.decode()) for status in reply]
