"""Who of a router's full panels was right, by the hour of the prediction; each row with truth counts once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.state import formats, ids, keys, panel_keys
from services.state.failures import MappedRedis
from services.state.rewards import MARGIN_SECONDS
from services.state.scripts import Run, Script

_COUNT = Script("count_panel_truth", repeatable=True)

HOUR = 3600
KEPT_SECONDS = 90 * 86_400
MOST_FIELDS = 4096
AT_ONCE = 400

FULL = "FULL"

# What is counted of a row as a whole, and of each member in it.
ROWS, VERDICT_RIGHT, PRICED = "rows", "verdict-right", "priced"
ANSWERED, RIGHT, ONLY_MEMBER, ONLY_VERDICT, CHEAPEST = (
    "answered",
    "right",
    "only-it",
    "only-verdict",
    "cheapest",
)


class PanelTruth(NamedTuple):
    """A truth beside what a panel said on one row. `right`: by variant, of those that answered. `cheapest`:
    the cheapest variant that was right, empty if none was; None where not every cost is known.

    Of two of one row the one with the greater (observed, feedback_id) counts. horizon: seconds from a
    prediction to the last truth that counts."""

    router_uid: str
    prediction_id: str
    row: int
    right: dict[str, bool]
    verdict_right: bool
    cheapest: str | None
    observed: int
    feedback_id: str
    horizon: float

    @property
    def fields(self) -> list[str]:
        """Every count that the row is in."""
        found = [ROWS, *([VERDICT_RIGHT] if self.verdict_right else [])]
        for variant, right in self.right.items():
            found.append(f"{ANSWERED}:{variant}")
            if right:
                found.append(f"{RIGHT}:{variant}")
            if right != self.verdict_right:
                found.append(f"{ONLY_MEMBER if right else ONLY_VERDICT}:{variant}")
        if self.cheapest is not None:
            found += [PRICED, *([f"{CHEAPEST}:{self.cheapest}"] if self.cheapest else [])]
        return found


@dataclass(frozen=True, slots=True)
class RightCounts:
    """Sums of rows. By kind and variant: those that it answered, was right about, was right about and the
    verdict was not, the other way round, and those about which it was the cheapest that was right."""

    rows: int = 0
    verdict_right: int = 0
    priced: int = 0
    members: Counter[tuple[str, str]] = field(default_factory=Counter)

    def of(self, kind: str, variant: str) -> int:
        """One of the counts of a member."""
        return self.members[kind, variant]

    @property
    def cheaper(self) -> int:
        """Priced rows about which some member was right."""
        return sum(count for (kind, _), count in self.members.items() if kind == CHEAPEST)


@dataclass(frozen=True, slots=True)
class PanelTruthStore:
    """Counts and reads them. Feedback is the only writer. Everything raises StateUnavailable, NewerFormat."""

    redis: MappedRedis

    async def count(self, truths: Sequence[PanelTruth], now: float) -> list[str]:
        """Count each, in one round trip; doing it again changes nothing. An item is what became of it:
        ACCEPTED, CORRECTED, SUPERSEDED, EXPIRED, or FULL where the hour has no room for new rows."""
        found = []
        for reply in await _COUNT.many(self.redis, [_run(truth, now) for truth in truths]) if truths else []:
            if isinstance(reply, Exception):
                raise reply
            status, *about = (part.decode() for part in reply)
            if status == "NEWER_FORMAT":
                formats.check("panel truth", int(about[0]), formats.PANEL_TRUTHS)
            found.append(status)
        return found

    async def read(self, router_uid: str, hours: Iterable[int]) -> RightCounts:
        """The sums over these hours, each given by its beginning in seconds since 1970."""
        wanted, partition = list(hours), ids.partition_for(router_uid)
        total: Counter[str] = Counter()
        for begin in range(0, len(wanted), AT_ONCE):
            async with self.redis.pipeline() as pipe:
                for hour in wanted[begin : begin + AT_ONCE]:
                    pipe.hgetall(panel_keys.panel_truths(partition, router_uid, hour))
                replies = await pipe.execute()
            for fields in replies:
                formats.check("panel truth", int(fields.pop(b"format", 0)), formats.PANEL_TRUTHS)
                total.update({name.decode(): int(count) for name, count in fields.items()})
        members: Counter[tuple[str, str]] = Counter()
        for name, count in total.items():
            kind, _, variant = name.partition(":")
            if variant:
                members[kind, variant] = count
        return RightCounts(total[ROWS], total[VERDICT_RIGHT], total[PRICED], members)


def _run(truth: PanelTruth, now: float) -> Run:
    partition, minute = ids.partition_of(truth.prediction_id), ids.minute_of(truth.prediction_id)
    made = ids.time_of(truth.prediction_id)
    hour = int(made // HOUR) * HOUR
    named = [
        keys.reports_applied(partition, minute),
        panel_keys.panel_truths(partition, truth.router_uid, hour),
    ]
    kept = (minute + 1) * 60 + truth.horizon + MARGIN_SECONDS - now
    lifetime = min(hour + HOUR + KEPT_SECONDS - now, KEPT_SECONDS)
    return named, (
        f"{truth.prediction_id}/{truth.row}/panel",
        truth.observed,
        truth.feedback_id,
        now,
        made + truth.horizon,
        max(int(kept), 1),
        max(int(lifetime), 1),
        formats.PANEL_TRUTHS,
        MOST_FIELDS,
        *truth.fields,
    )
