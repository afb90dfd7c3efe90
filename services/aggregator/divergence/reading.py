"""The panels of a window, summed over hours and over the processes that counted them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from services.aggregator.divergence.tally import OfAll, OfPair, Tally
from services.aggregator.wire.tallies import read_tally
from services.state.panels import DAY, PanelStore

# Variants come and go within 90 days.
MOST_MEMBERS = 256


class Hour(NamedTuple):
    """Panels within an hour; and rows, once for each pair of members: compared, and found to differ."""

    start: int
    panels: int
    rows: int
    differing: int


@dataclass(frozen=True, slots=True)
class Panels:
    """Everything that was counted, and the same by hour, oldest first."""

    tally: Tally = field(default_factory=lambda: Tally(MOST_MEMBERS))
    hours: list[Hour] = field(default_factory=list)


async def read_panels(store: PanelStore, router_uid: str, hours: Sequence[int]) -> Panels:
    """The panels of a router in these hours. Raises StateUnavailable, NewerFormat."""
    found = Panels()
    by_hour: dict[int, Hour] = {}
    # A day at a time: what is held is bounded, and others get their turn in between.
    for day, some in groupby(hours, lambda hour: hour // DAY):
        for hour, message in await store.read(router_uid, day, some):
            counts = read_tally(message)
            found.tally.add(counts)
            former = by_hour.get(hour, Hour(hour, 0, 0, 0))
            # Each pair stands in the matrix twice.
            rows, differing = counts.pairs[[OfPair.ROWS, OfPair.DIFFERING]].sum(axis=(1, 2)) / 2
            by_hour[hour] = Hour(
                hour,
                former.panels + int(counts.whole[OfAll.PANELS]),
                former.rows + int(rows),
                former.differing + int(differing),
            )
    found.hours.extend(by_hour[hour] for hour in sorted(by_hour) if by_hour[hour].panels)
    return found
