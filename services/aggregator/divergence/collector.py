"""Counts panels where they come by, in plain memory, and writes the counts to Redis once a second.

What is written is everything that this process has counted of a router's hour: written twice, it is the same.
A crash loses the panels since the last write; while Redis is away counting goes on.
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np

from services.aggregator.desk import Panel
from services.aggregator.divergence.counting import counted, likeness
from services.aggregator.divergence.roll import Known, Roll
from services.aggregator.divergence.tally import Counts, OfAll, OfMember, OfPair, Tally
from services.aggregator.plan import Plan
from services.aggregator.wire.tallies import write_tally
from services.foundation.logs import log
from services.foundation.metrics import Metrics
from services.state.errors import StateUnavailable
from services.state.panels import HOUR, Counted, PanelStore

FLUSH_SECONDS = 1.0
# Hours of routers that are held: 3 KB each with five members, 230 KB with 64.
MOST_HELD = 1000
# Panels that count differently and wait for the next write to be counted.
MOST_NOTED = 500
AT_ONCE = 100


@dataclass(slots=True, eq=False)
class Held:
    """An hour of a router: how often it changed, and at which of these changes it was written."""

    writer: str
    tally: Tally = field(default_factory=Tally)
    changes: int = 0
    written: int = 0


@dataclass(slots=True, eq=False)
class Alike:
    """Panels of a router's hour that count the same."""

    router: Known
    hour: int
    panel: Panel
    times: int = 0


@dataclass(eq=False)
class Collector:
    """An `Observer`. `process` is an id that no other process has or had; `now` is in seconds since 1970. Run
    `run()` in the background."""

    store: PanelStore
    roll: Roll
    process: str
    metrics: Metrics
    now: Callable[[], float]
    rng: random.Random
    _held: dict[tuple[str, int], Held] = field(default_factory=dict)
    _noted: dict[Hashable, Alike] = field(default_factory=dict)
    _serial: "itertools.count[int]" = field(default_factory=itertools.count)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _failed: bool = False

    def panel(self, panel: Panel) -> None:
        """Count it, if it may be learnt from."""
        router = self.roll.known(panel.router) if panel.representative else None
        if router is None or not router.seats(panel.plan):
            return
        try:
            self._note(router, panel)
        except Exception:  # noqa: BLE001 (the prediction is answered: no statistic may cost it)
            self._lose(router, 1)

    def walk(self, router: str, plan: Plan, *, through: bool) -> None:
        """Count members that were asked one after the other."""
        known = self.roll.known(router)
        if known is not None and known.seats(plan):
            counts = Counts.of()
            counts.whole[OfAll.WALKS], counts.whole[OfAll.WALKED_THROUGH] = 1, through
            self._add(known.uid, self._hour(), counts)

    async def run(self) -> None:
        """Write until cancelled."""
        reached = True
        while True:
            await asyncio.sleep(FLUSH_SECONDS * (0.9 + self.rng.random() / 5))
            try:
                await self.flush()
                reached = True
            except StateUnavailable as error:
                if reached:
                    log.warning("panels are not written now", cause=error.facts.get("cause"))
                reached = False

    async def flush(self) -> None:
        """Write what has changed. Raises StateUnavailable; then it is written the next time."""
        self._count()
        # One at a time: an older state of a tally must not arrive after a newer one.
        async with self._turn:
            changed = [(key, held) for key, held in self._held.items() if held.changes > held.written]
            for begin in range(0, len(changed), AT_ONCE):
                await self._write(changed[begin : begin + AT_ONCE])
            hour = self._hour()
            done = [key for key, one in self._held.items() if key[1] != hour and one.written == one.changes]
            for key in done:
                del self._held[key]

    async def _write(self, some: list[tuple[tuple[str, int], Held]]) -> None:
        changes = [held.changes for _, held in some]
        those = [Counted(*key, held.writer, write_tally(held.tally)) for key, held in some]
        refused = await self.store.write(those, self.now())
        for (_, held), change in zip(some, changes, strict=True):
            held.written = change
        if refused:
            self.metrics.panels_lost["store"].inc(refused)

    def _note(self, router: Known, panel: Panel) -> None:
        hour, like = self._hour(), likeness(panel)
        key = (router.uid, hour, like if like is not None else next(self._serial))
        alike = self._noted.get(key)
        if alike is None:
            if len(self._noted) >= MOST_NOTED:
                self._count()
            alike = self._noted[key] = Alike(router, hour, panel)
        alike.times += 1
        if like is None:
            # It may be large, and nothing is gained by waiting.
            self._count()

    def _count(self) -> None:
        """Count what was noted."""
        noted, self._noted = self._noted, {}
        for alike in noted.values():
            try:
                counts = counted(alike.panel).times(alike.times)
                self._add(alike.router.uid, alike.hour, counts)
                self._show(alike.router.name, counts)
            except Exception:  # noqa: BLE001 (as above; and the others are to be counted)
                self._lose(alike.router, alike.times)

    def _lose(self, router: Known, panels: int) -> None:
        self.metrics.panels_lost["error"].inc(panels)
        if not self._failed:
            log.exception("a panel was not counted, nor may others be", router=router.name)
        self._failed = True

    def _add(self, uid: str, hour: int, counts: Counts) -> None:
        key = uid, hour
        held = self._held.get(key)
        if held is None:
            if len(self._held) >= MOST_HELD and not self._make_room(hour):
                self.metrics.panels_lost["memory"].inc(counts.whole[OfAll.PANELS])
                return
            # An hour that was forgotten and comes again, as a clock is set back, is another writer's: what
            # was written of it stays.
            held = self._held[key] = Held(f"{self.process}.{next(self._serial)}")
        held.tally.add(counts)
        held.changes += 1

    def _make_room(self, hour: int) -> bool:
        """Drop the oldest hour that is held, which Redis was away for; the present one stays."""
        oldest = min(self._held, key=lambda key: key[1])
        if oldest[1] >= hour:
            return False
        dropped = self._held.pop(oldest)
        self.metrics.panels_lost["memory"].inc(dropped.tally.whole[OfAll.PANELS])
        return True

    def _show(self, router: str, counts: Counts) -> None:
        self.metrics.panels[router].inc(counts.whole[OfAll.PANELS])
        # Each pair stands in the matrix twice.
        rows, differing = counts.pairs[[OfPair.ROWS, OfPair.DIFFERING]].sum(axis=(1, 2)) / 2
        if rows:
            self.metrics.panel_pairs[router, "same"].inc(rows - differing)
            self.metrics.panel_pairs[router, "different"].inc(differing)
        for place in np.flatnonzero(counts.members[OfMember.DISSENTS]):
            dissents = counts.members[OfMember.DISSENTS, place]
            self.metrics.panel_dissents[router, counts.names[place]].inc(dissents)

    def _hour(self) -> int:
        return int(self.now() // HOUR) * HOUR
