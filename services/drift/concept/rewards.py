"""What models earn, as streams of losses: rewards of their variants, by what feedback keeps of each report.

Feedback notes the minutes whose rewards have changed, by router and measure. One is folded when its rewards
had `settle` seconds to come after the first one, and no earlier one waits. Progress and states are written,
and what was noted is removed, in one step or not at all. A minute that changes afterwards is late: it is
counted, and no detector sees it.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from turnout.drift.v1.concept_pb2 import ConceptProgress

from services.drift.concept.losses import Stream
from services.drift.concept.minutes import AT_ONCE, MinuteReader
from services.drift.concept.store import LIFETIME_SECONDS, ConceptStore
from services.drift.concept.watching import REWARD, Observed
from services.state import concept_keys, ids, keys
from services.state.claims import UNITS
from services.state.fenced import Fence
from services.state.outcomes import LESS
from services.state.records import SETTLED_SECONDS

# Losses of a prediction, by row and measure.
Earned: TypeAlias = dict[tuple[int, str], float]
# Minutes of a partition in a round: one that was away for long must not keep the others waiting.
MOST_MINUTES = 200


class Noted(NamedTuple):
    """A minute whose rewards have changed, since when (in seconds since 1970), and in which measure: MORE or
    LESS, and the end of the names that feedback has for the router's rewards."""

    minute: int
    since: float
    measure: str

    @property
    def member(self) -> str:
        """As feedback wrote it."""
        return f"{self.minute}{self.measure}"

    def due(self, settle: float) -> float:
        """When it may be folded, in seconds since 1970."""
        return max(self.since, (self.minute + 1) * 60 + SETTLED_SECONDS) + settle

    def loss(self, units: int) -> float:
        """What a reward in millionths of the range lacks to the best one, 0 to 1."""
        return units / UNITS if self.measure.startswith(LESS) else 1 - units / UNITS


@dataclass(frozen=True, slots=True)
class RewardFolder:
    """Folds rewards while this process owns the partition. `now`: seconds since 1970, `settle`: seconds."""

    store: ConceptStore
    reader: MinuteReader
    now: Callable[[], float]
    settle: float
    _rests: dict[int, float] = field(default_factory=dict)

    async def fold(self, partition: int, fence: Fence, progress: ConceptProgress) -> None:
        """Fold what is ready of a partition; nobody else writes there meanwhile. Raises LostLease,
        NewerFormat, StateUnavailable."""
        begun = self.now()
        if begun < self._rests.get(partition, 0.0):
            return
        folded = {measure: one.folded for measure, one in progress.rewards.items()}
        late, ready, again = [], defaultdict[int, list[Noted]](list), begun + self.settle
        for measure, waiting in (await self._noted(partition)).items():
            for one in sorted(waiting):
                if one.minute <= folded.get(measure, 0):
                    late.append(one)
                elif one.due(self.settle) <= begun:
                    ready[one.minute].append(one)
                else:
                    again = min(again, one.due(self.settle))
                    break
        await self._late(partition, fence, progress, late)
        for minute in sorted(ready)[:MOST_MINUTES]:
            await self._minute(partition, fence, progress, ready[minute])
        if len(ready) <= MOST_MINUTES:
            # What is noted from now on is due a settling time from now.
            self._rests[partition] = again

    async def _noted(self, partition: int) -> dict[str, list[Noted]]:
        """What waits, by measure."""
        redis: Any = self.reader.connections.steady
        found = defaultdict[str, list[Noted]](list)
        for member, since in await redis.zrange(concept_keys.rewarded(partition), 0, -1, withscores=True):
            minute, slash, about = member.decode().partition("/")
            one = Noted(int(minute[:-1]), since / 1000, f"{minute[-1]}{slash}{about}")
            found[one.measure].append(one)
        return found

    async def _late(
        self, partition: int, fence: Fence, progress: ConceptProgress, late: Sequence[Noted]
    ) -> None:
        for one in late:
            progress.rewards[one.measure].late += 1
        if late:
            await self.store.write(partition, fence, progress, noted=[one.member for one in late])

    async def _minute(
        self, partition: int, fence: Fence, progress: ConceptProgress, noted: Sequence[Noted]
    ) -> None:
        losses = await self._losses(await self._earned(partition, noted))
        states = await self.reader.folded(partition, losses)
        for one in noted:
            progress.rewards[one.measure].folded = one.minute
        # Routers come and go.
        oldest = (self.now() - LIFETIME_SECONDS) / 60
        for measure in [measure for measure, one in progress.rewards.items() if one.folded < oldest]:
            del progress.rewards[measure]
        await self.store.write(partition, fence, progress, states, [one.member for one in noted])

    async def _earned(self, partition: int, noted: Sequence[Noted]) -> dict[str, Earned]:
        """The rewards of a minute as they hold, by prediction."""
        redis: Any = self.reader.connections.steady
        wanted = {one.measure[1:]: one for one in noted}
        place = keys.reports_applied(partition, noted[0].minute)
        found = defaultdict[str, Earned](dict)
        cursor = -1
        while cursor:
            cursor, some = await redis.hscan(place, max(cursor, 0), count=AT_ONCE)
            for name, report in some.items():
                prediction, row, about = name.decode().split("/", 2)
                if one := wanted.get(f"/{about}"):
                    # observed, millionths, digests of the reports' ids, id of the one that holds
                    units = int(report.split(b" ", 2)[1])
                    found[prediction][int(row), one.measure] = one.loss(units)
        return found

    async def _losses(self, earned: Mapping[str, Earned]) -> dict[Stream, list[Observed]]:
        """The same by stream, in the order of predictions: of the drawn variants' own models."""
        names = sorted(earned)
        found = defaultdict[Stream, list[Observed]](list)
        for begin in range(0, len(names), AT_ONCE):
            records = await self.reader.records.read_many(names[begin : begin + AT_ONCE])
            drawn = {name: record.event.manifest.decision.model for name, record in records.items()}
            uids = await self.reader.uids(drawn.values())
            for name in sorted(drawn):
                uid, router = uids.get(drawn[name], ""), records[name].event.manifest.router
                # A name may have been given to another model since: a uid tells when it was registered.
                if uid and ids.time_of(uid) <= ids.time_of(name):
                    for (_, measure), loss in sorted(earned[name].items()):
                        found[Stream(uid, REWARD, router, measure)].append(Observed(name, loss))
        return found
