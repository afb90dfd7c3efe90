"""What a process shows of its share of a consumer group: the partitions it leads, and how late they are."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from services.foundation.logs import log
from services.foundation.metrics import Metrics
from services.state.consumer import PartitionConsumer
from services.state.errors import StateUnavailable
from services.state.ownership import Ownership

# A scrape comes every 15 s or so; what it reads is at most this much older. Who leads what is shown at once.
REFRESH_SECONDS = 5.0


class ConsumerGauges:
    """Keeps `turnout_partitions_owned`, `turnout_consumer_lag_events` and `turnout_dead_letters_total` true
    while `run()` runs.

    A process shows the lag of the partitions that it leads and of no others, so that the processes of a group
    add up. While Redis is away no lag is shown: nobody knows it.
    """

    def __init__(
        self,
        ownership: Ownership,
        consumers: Sequence[PartitionConsumer[Any]],
        metrics: Metrics,
        rng: random.Random,
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._ownership = ownership
        self._consumers = consumers
        self._metrics = metrics
        self._rng = rng
        self._seconds = refresh_seconds
        self._shown: set[tuple[str, str, str]] = set()
        self._buried = dict.fromkeys(consumers, 0)
        self._known = True

    async def run(self) -> None:
        """Refresh until cancelled; from then on nothing is led."""
        try:
            while True:
                owned = dict(self._ownership.owned)
                await self._refresh(owned)
                # Processes that started together must not read together.
                await self._ownership.changed(owned, self._seconds * (0.75 + self._rng.random() / 2))
        finally:
            self._show({}, {})

    async def _refresh(self, owned: Mapping[int, int]) -> None:
        try:
            lags = {consumer.stream.name: await consumer.lag() for consumer in self._consumers}
        except StateUnavailable as error:
            if self._known:
                log.warning("the lag is not known now", group=self._ownership.group, why=str(error))
            self._known = False
            self._show(owned, {})
            return
        self._known = True
        # What was handed over while Redis was asked is another's to show.
        self._show({one: token for one, token in owned.items() if one in self._ownership.owned}, lags)

    def _show(self, owned: Mapping[int, int], lags: Mapping[str, Mapping[int, int]]) -> None:
        group = self._ownership.group
        self._metrics.partitions_owned[group].set(len(owned))
        for consumer, before in self._buried.items():
            self._buried[consumer] = consumer.buried
            self._metrics.standing.dead_letters[group, consumer.stream.name].inc(consumer.buried - before)
        shown = {
            (group, stream, str(partition)): lag.get(partition, 0)
            for stream, lag in lags.items()
            for partition in owned
        }
        for labels, entries in shown.items():
            self._metrics.consumer_lag[labels].set(entries)
        for labels in self._shown - shown.keys():
            self._metrics.consumer_lag.remove(*labels)
        self._shown = set(shown)
