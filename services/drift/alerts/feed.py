"""Alerts for those who watch: what fires now, then changes as they come, whichever replica makes them."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from turnout.drift.v1.alert_pb2 import Alert

from services.drift.alerts.alert_store import MOST_CHANGES
from services.state import alert_keys
from services.state.connection import Connections
from services.state.notices import Notices
from services.state.positions import START, order

AT_ONCE = 100


class News(NamedTuple):
    """An alert, or None once everything so far has been told. position: of the last change that is part of
    it; current: it fired when the watch began."""

    alert: Alert | None
    position: str
    current: bool = False


class AlertFeed:
    """Wakes those who watch. Run `run()` in the background: nobody watching costs one short read a second."""

    def __init__(self, connections: Connections, rng: random.Random) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady
        self._newest = START
        self._stirred = asyncio.Event()
        self._closed = False
        self.run = Notices(
            connections, alert_keys.alerts_channel(), "alerts", look=self.look, hear=self._heard, rng=rng
        ).run

    def close(self) -> None:
        """End all watches, as the process does."""
        self._closed = True
        self._stir()

    async def look(self) -> None:
        """See whether there is anything new. Raises StateUnavailable."""
        newest = await self._end()
        if newest != self._newest:
            self._newest = newest
            self._stir()

    async def watch(self, since: str = "") -> AsyncIterator[News]:
        """What fires now, or the changes after the position `since`; then each change. Ends when the process
        drains. Raises StateUnavailable."""
        place = since
        if not place or not await self._kept(place):
            # The place first: what changes in between is then told twice, not missed.
            place = await self._end()
            for alert in await self._firing():
                yield News(alert, place, current=True)
        told = False
        while not self._closed:
            stirred = self._stirred
            entries = await self._redis.xrange(alert_keys.alert_changes(), f"({place}", "+", count=AT_ONCE)
            for name, fields in entries:
                place = name.decode()
                yield News(Alert.FromString(fields[b"alert"]), place)
            if entries:
                continue
            if not told:
                told = True
                yield News(None, place)
            if not self._closed:
                await stirred.wait()

    async def _firing(self) -> list[Alert]:
        found = await self._redis.hvals(alert_keys.alerts_firing())
        return sorted(map(Alert.FromString, found), key=lambda one: one.name)

    async def _kept(self, place: str) -> bool:
        """Whether every change after a place is still there."""
        if order(place) > order(await self._end()):
            return False  # of another store, or of one that was restored from a copy
        if place == START:
            return bool(await self._redis.xlen(alert_keys.alert_changes()) < MOST_CHANGES)
        return bool(await self._redis.xrange(alert_keys.alert_changes(), place, place))

    async def _end(self) -> str:
        newest = await self._redis.xrevrange(alert_keys.alert_changes(), count=1)
        return newest[0][0].decode() if newest else START

    async def _heard(self, _notice: bytes) -> None:
        await self.look()

    def _stir(self) -> None:
        stirred, self._stirred = self._stirred, asyncio.Event()
        stirred.set()
