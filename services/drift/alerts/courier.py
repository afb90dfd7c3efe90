"""Carries notifications out: from a queue in Redis that outlives every process, each until it is taken or
given up.

Only the owner of a partition sends what waits there. It sends first and writes down after: who dies in
between leaves the delivery to the next owner, who sends it again under the same id. At least once, therefore,
and the id is how receivers make it once.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence

from turnout.drift.v1 import alert_pb2
from turnout.drift.v1.alert_config_pb2 import AlertConfig, Webhook
from turnout.drift.v1.alert_memory_pb2 import AlertDelivery
from turnout.drift.v1.alert_pb2 import Alert, Notification

from services.drift.alerts.alert_store import AlertStore
from services.drift.alerts.gauges import AlertGauges
from services.drift.alerts.sender import Outcome, Sender
from services.drift.alerts.telling import note
from services.drift.wire import seconds, timestamp
from services.foundation.errors import Unavailable
from services.foundation.logs import log
from services.state.errors import NewerFormat
from services.state.fenced import Fence
from services.state.names import id_of
from services.state.ownership import Ownership

LOOK_SECONDS = 0.5
# 2, 4, 8 ... seconds and then every quarter of an hour: about an hour in all.
FIRST_SECONDS, LONGEST_SECONDS = 2.0, 900.0
MOST_ATTEMPTS = 12
# Webhooks that a process talks to at the same time.
AT_ONCE = 16

Lines = dict[tuple[str, str], list[AlertDelivery]]


class Courier:
    """Delivers what waits in the partitions that this process leads. `config_of`: the settings of a model by
    partition and uid, None if there are none; `now`: seconds since 1970. Run `run()` in the background."""

    def __init__(
        self,
        store: AlertStore,
        ownership: Ownership,
        sender: Sender,
        gauges: AlertGauges,
        config_of: Callable[[int, str], AlertConfig | None],
        now: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._store = store
        self._ownership = ownership
        self._sender = sender
        self._gauges = gauges
        self._config_of = config_of
        self._now = now
        self._rng = rng
        self._busy = dict[int, int]()
        self._rested = asyncio.Condition()
        self._room = asyncio.Semaphore(AT_ONCE)
        ownership.register(self)

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            try:
                await self.round()
            except Unavailable as error:
                log.warning("notifications rest", why=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def round(self) -> int:
        """Try each delivery that is due once; how many. Raises StateUnavailable."""
        owned = dict(self._ownership.owned)
        waiting = await self._store.waiting(list(owned)) if owned else {}
        tried = [self._partition(one, Fence.of(one, self._ownership.group, owned[one])) for one in waiting]
        return sum(await asyncio.gather(*tried))

    def busy(self, partition: int) -> bool:
        """Whether something of the partition is being sent."""
        return partition in self._busy

    async def idle(self) -> None:
        """Wait until nothing is sent of partitions that are another's."""
        async with self._rested:
            await self._rested.wait_for(lambda: not self._busy.keys() - self._ownership.owned.keys())

    async def _partition(self, partition: int, fence: Fence) -> int:
        try:
            lines = _lines(await self._store.deliveries(partition))
        except NewerFormat as error:
            log.error("notifications cannot be read", partition=partition, why=str(error))
            return 0
        now = self._now()
        # One line per webhook of a model, in order: nobody must hear last that something has been wrong.
        due = [line[0] for line in lines.values() if seconds(line[0].due_time) <= now]
        done = await asyncio.gather(*(self._deliver(partition, fence, one) for one in due))
        return len(done)

    async def _deliver(self, partition: int, fence: Fence, delivery: AlertDelivery) -> None:
        async with self._room:
            if str(self._ownership.owned.get(partition)) != fence.token:
                return
            self._busy[partition] = self._busy.get(partition, 0) + 1
            try:
                await self._attempt(partition, fence, delivery)
            except Unavailable as error:
                log.warning("a notification is tried again soon", id=delivery.id, why=str(error))
            finally:
                await self._rest(partition)

    async def _rest(self, partition: int) -> None:
        async with self._rested:
            self._busy[partition] -= 1
            if not self._busy[partition]:
                del self._busy[partition]
            self._rested.notify_all()

    async def _attempt(self, partition: int, fence: Fence, delivery: AlertDelivery) -> None:
        webhook = self._webhook(partition, delivery)
        if webhook is None:
            outcome = Outcome(False, 0, 0.0, "the webhook is no longer among the model's settings")
        else:
            outcome = await self._sender.send(webhook, delivery.event, delivery.id, delivery.alert)
        delivery.attempts += 1
        delivery.error = outcome.error
        again = outcome.passing and delivery.attempts < MOST_ATTEMPTS
        if again:
            delivery.due_time.CopyFrom(timestamp(self._now() + max(outcome.wait, self._pause(delivery))))
        why = "" if outcome.delivered or again else f"attempt {delivery.attempts}: {outcome.error}"
        async with self._store.turn(partition):
            alert = await self._noted(delivery, waits=again, delivered=outcome.delivered)
            await self._store.settle(partition, fence, delivery, alert, waits=again, why=why)
        self._say(delivery, outcome, again=again)

    def _webhook(self, partition: int, delivery: AlertDelivery) -> Webhook | None:
        config = self._config_of(partition, delivery.model_uid)
        webhooks: Sequence[Webhook] = config.webhooks if config is not None else ()
        return next((one for one in webhooks if one.id == delivery.webhook), None)

    def _pause(self, delivery: AlertDelivery) -> float:
        seconds_ = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** (delivery.attempts - 1))
        # Those that failed together must not come back together.
        return seconds_ * (0.5 + self._rng.random() / 2)

    async def _noted(self, delivery: AlertDelivery, *, waits: bool, delivered: bool) -> Alert | None:
        """The alert with the news of this delivery; None if it is no longer kept."""
        found = await self._store.read(delivery.model_uid, [id_of(delivery.alert.name)])
        if not found:
            return None
        state = alert_pb2.NOTIFICATION_STATE_DELIVERED if delivered else alert_pb2.NOTIFICATION_STATE_DEAD
        news = Notification(
            id=delivery.id,
            webhook=delivery.webhook,
            event=delivery.event,
            state=alert_pb2.NOTIFICATION_STATE_WAITING if waits else state,
            attempts=delivery.attempts,
            error=delivery.error,
            time=timestamp(self._now()),
        )
        note(found[0], news)
        return found[0]

    def _say(self, delivery: AlertDelivery, outcome: Outcome, *, again: bool) -> None:
        result = "delivered" if outcome.delivered else "failed" if again else "dead"
        self._gauges.told(result)
        if not outcome.delivered:
            say = log.warning if again else log.error
            said = "a webhook was not told" if again else "gave up on telling a webhook"
            say(
                said,
                model=delivery.alert.model,
                webhook=delivery.webhook,
                attempts=delivery.attempts,
                why=outcome.error,
            )


def _lines(deliveries: Sequence[AlertDelivery]) -> Lines:
    lines: Lines = defaultdict(list)
    for one in deliveries:
        lines[one.model_uid, one.webhook].append(one)
    return lines
