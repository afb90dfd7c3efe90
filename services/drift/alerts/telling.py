"""Who is to be told what of an alert, and the deliveries that do."""

import random
from collections.abc import Iterable, Iterator, Sequence

from turnout.drift.v1.alert_config_pb2 import Webhook
from turnout.drift.v1.alert_memory_pb2 import AlertDelivery
from turnout.drift.v1.alert_pb2 import NOTIFICATION_STATE_WAITING, Alert, Notification

from services.drift.alerts.conditions import Moment
from services.drift.alerts.machine import GOOD, event_of
from services.drift.wire import timestamp
from services.state import formats
from services.state.ids import new_uid

MOST_NOTIFICATIONS = 50


def deliveries_of(
    webhooks: Iterable[Webhook], before: int, after: int, alert: Alert, at: Moment
) -> Iterator[AlertDelivery]:
    """One for each webhook that wants to know: what was told went from one level to another.

    A webhook with a least severity sees nothing below it: what is less is as good to it as nothing.
    """
    for webhook in webhooks:
        was, now = (level if level >= webhook.min_severity else GOOD for level in (before, after))
        event = event_of(was, now)
        if not event:
            continue
        # The same whoever makes this look, and makes it again; in the order of the looks.
        made = random.Random(f"{alert.name} {webhook.id} {event} {at.look}")
        delivery = AlertDelivery(
            format=formats.ALERT_DELIVERY,
            id=new_uid(at.time, made),
            model_uid=at.model_uid,
            webhook=webhook.id,
            event=event,
            alert=alert,
            due_time=timestamp(at.time),
        )
        del delivery.alert.notifications[:]
        yield delivery


def note_waiting(alert: Alert, deliveries: Sequence[AlertDelivery]) -> None:
    """Write on the alert that these are on their way."""
    for one in deliveries:
        note(
            alert,
            Notification(id=one.id, webhook=one.webhook, event=one.event, state=NOTIFICATION_STATE_WAITING),
        )


def note(alert: Alert, news: Notification) -> None:
    """Write on the alert how telling somebody went: newest first, once per delivery."""
    others = [one for one in alert.notifications if one.id != news.id]
    kept = sorted([news, *others], key=lambda one: one.id, reverse=True)[:MOST_NOTIFICATIONS]
    del alert.notifications[:]
    alert.notifications.extend(kept)
