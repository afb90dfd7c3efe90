"""The part of health that waits: telling Redis what the board decides, and asking for probes."""

import asyncio
import random

from services.foundation.logs import log
from services.router.health.board import HealthBoard
from services.router.health.watch import Watch
from services.state.ejections import Ejections
from services.state.errors import NewerFormat, StateUnavailable

# How often intervals are looked at and probes asked for; what the board decides is told at once.
TICK_SECONDS = 0.25
# How long a replica that holds the lease waits for a request that could be the probe.
PROBE_SECONDS = 2.0
# What a lease outlasts the model's timeout by: our event loop may be late to notice that a call has ended.
MARGIN_SECONDS = 1.0


class Sharing:
    """Run `run()` in the background. Without Redis this replica decides for itself, and tells what is still
    true once Redis is back."""

    def __init__(self, board: HealthBoard, ejections: Ejections, rng: random.Random) -> None:
        self._board = board
        self._ejections = ejections
        self._rng = rng
        self._reached = True
        self._wake = asyncio.Event()
        board.on_work = self._wake.set

    async def run(self) -> None:
        """Share until cancelled."""
        while True:
            try:
                async with asyncio.timeout(TICK_SECONDS * (0.5 + self._rng.random())):
                    await self._wake.wait()
            except TimeoutError:
                self._board.tick()
            await self.step()

    async def step(self) -> None:
        """Tell what is to be told, then return the leases that are over and ask for those that are due: in
        this order, or whoever gets a lease next would not know what came of the last probe."""
        self._wake.clear()
        reached = await self._tell()
        for watch in list(self._board.lent.values()):
            if watch.probe is None or watch.probe.over:
                reached = await self._give_back(watch, reached)
        now = self._board.now()
        for watch in list(self._board.out.values()):
            due = watch.probe is None and watch.half_open(now) and now >= watch.retry
            if due and self._board.serves(watch.name):
                reached = await self._ask(watch, reached)
        if self._reached and not reached:
            log.warning("health is not shared now: this replica decides for itself")
        self._reached = reached

    async def _tell(self) -> bool:
        """Whether Redis was reached, as far as it had to be."""
        for watch in list(self._board.unsent.values()):
            standing = watch.standing
            try:
                await self._send(watch)
            except StateUnavailable:
                return False
            except NewerFormat as error:
                log.error("cannot share a model's health", model=watch.name, why=error.message)
            self._board.told(watch, standing)
        return True

    async def _send(self, watch: Watch) -> None:
        standing, board = watch.standing, self._board
        if not standing.out:
            entry = await self._ejections.clear(watch.uid, number=standing.number, times=standing.times)
        elif (left := standing.until - board.now()) > 0:
            entry = await self._ejections.eject(
                watch.uid,
                number=standing.number,
                times=standing.times,
                seconds=left,
                age=board.age(watch),
                reason=standing.reason,
            )
        else:
            # Over before anybody could be told; only our own probe is missing.
            return
        board.take_in(entry.now, [entry])

    async def _give_back(self, watch: Watch, reached: bool) -> bool:
        self._board.take_back(watch)
        # Nothing came, or nothing that counted: the others' turn.
        watch.retry = self._board.now() + PROBE_SECONDS * self._rng.random()
        return reached and await self._release(watch)

    async def _ask(self, watch: Watch, reached: bool) -> bool:
        """Become the one replica that may probe; without Redis every one is."""
        lasts = PROBE_SECONDS + watch.rules.timeout + MARGIN_SECONDS
        asked, taken = self._board.now(), True
        if reached:
            try:
                taken, entry = await self._ejections.take_probe(watch.uid, lasts)
            except StateUnavailable:
                reached, entry = False, None
            if entry is not None:
                # Before probing: the last holder of the lease may have ended the ejection, or renewed it.
                self._board.take_in(entry.now, [entry])
        if taken and watch.half_open(self._board.now()):
            self._board.lend(watch, asked + PROBE_SECONDS, asked + lasts)
        elif taken and reached:
            return await self._release(watch)
        return reached

    async def _release(self, watch: Watch) -> bool:
        try:
            await self._ejections.release_probe(watch.uid)
        except StateUnavailable:
            # It expires by itself.
            return False
        return True
