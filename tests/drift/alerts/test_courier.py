"""Notifications get there: after failures, in order, and whoever dies on the way."""

import random
from itertools import pairwise

import pytest
from turnout.drift.v1.alert_memory_pb2 import AlertDelivery
from turnout.drift.v1.alert_pb2 import NOTIFICATION_STATE_DEAD, NOTIFICATION_STATE_WAITING
from turnout.router.v1.model_pb2 import Model

from services.drift.alerts import alert_store
from services.drift.alerts.courier import FIRST_SECONDS, LONGEST_SECONDS, MOST_ATTEMPTS
from services.state import alert_keys
from services.state.connection import Connections
from services.state.ids import partition_for
from tests.drift.alerts.conftest import Clock, Station, alerts, hook, settings, stationed
from tests.drift.alerts.receiver import Receiver, reset, status
from tests.drift.conftest import Ask
from tests.waiting import eventually


@pytest.fixture
async def firing(watched: Model, station: Station) -> Model:
    """An alert fires, and its notification waits."""
    for _ in range(2):
        await station.log(watched, 500, 60)
        await station.hour(told=False)
    return watched


def keys_of(receiver: Receiver) -> list[str]:
    return [note.headers["Idempotency-Key"] for note in receiver.notes]


async def test_failures_are_tried_again_later_and_later_under_one_id(
    ask: Ask, firing: Model, station: Station, receiver: Receiver, clock: Clock
) -> None:
    receiver.script = [status(500), reset, status(503), status(500)]
    begun, tries = clock.time, list[float]()
    while len(receiver.notes) < 5:
        tries += [clock.time - begun] * await station.courier.round()
        clock.time += 0.5
    assert len(set(keys_of(receiver))) == 1
    assert await station.desk.store.waiting(range(64)) == {}
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    for number, pause in enumerate(pauses):
        # Half of it by chance; the clock moves in half seconds.
        assert FIRST_SECONDS * 2**number / 2 <= pause <= FIRST_SECONDS * 2**number + 0.5
    (note,) = (await alerts(ask))[0].notifications
    assert (note.attempts, note.error) == (5, "")


async def test_while_it_waits_the_alert_says_how_often_it_was_tried_and_why_in_vain(
    ask: Ask, firing: Model, station: Station, receiver: Receiver
) -> None:
    receiver.script = [status(502, "bad gateway")]
    await station.courier.round()
    (note,) = (await alerts(ask))[0].notifications
    assert (note.state, note.attempts) == (NOTIFICATION_STATE_WAITING, 1)
    assert note.error == "HTTP 502: bad gateway"


async def test_after_its_last_attempt_it_is_a_dead_letter_with_a_reason(
    ask: Ask, firing: Model, station: Station, receiver: Receiver, connections: Connections, clock: Clock
) -> None:
    receiver.script = [status(500, "out of order")] * MOST_ATTEMPTS
    for _ in range(MOST_ATTEMPTS):
        assert await station.courier.round() == 1
        clock.time += LONGEST_SECONDS
    assert await station.courier.round() == 0
    (note,) = (await alerts(ask))[0].notifications
    assert (note.state, note.attempts) == (NOTIFICATION_STATE_DEAD, MOST_ATTEMPTS)
    letters = await connections.steady.xrange(alert_keys.alert_dead_letters(partition_for(firing.uid)))
    ((_, letter),) = letters
    assert letter[b"why"] == b"attempt 12: HTTP 500: out of order"
    assert AlertDelivery.FromString(letter[b"delivery"]).webhook == "ops"
    value = station.metrics.registry.get_sample_value
    assert value("turnout_notifications_total", {"result": "failed"}) == MOST_ATTEMPTS - 1
    assert value("turnout_notifications_total", {"result": "dead"}) == 1


async def test_what_will_always_be_refused_is_given_up_at_once(
    ask: Ask, firing: Model, station: Station, receiver: Receiver
) -> None:
    receiver.script = [status(404, "no_service")]
    await station.courier.round()
    (note,) = (await alerts(ask))[0].notifications
    assert (note.state, note.error) == (NOTIFICATION_STATE_DEAD, "HTTP 404: no_service")


async def test_who_dies_after_sending_leaves_it_to_a_successor_who_sends_the_same(
    firing: Model, station: Station, receiver: Receiver, connections: Connections, clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """At least once: the receiver tells by the id that it is the same."""

    async def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(station.desk.store, "settle", die)
    with pytest.raises(RuntimeError, match="killed"):
        await station.courier.round()
    await station.ownership.drain()
    async with stationed(connections, clock, "successor") as successor:
        await eventually(lambda: len(successor.ownership.owned) == 64)
        await successor.rota.round()
        assert await successor.courier.round() == 1
        assert await successor.courier.round() == 0
    assert len(receiver.notes) == 2
    assert len(set(keys_of(receiver))) == 1
    assert receiver.notes[0].body == receiver.notes[1].body


async def test_that_all_is_well_is_not_told_before_that_it_was_not(
    watched: Model, station: Station, receiver: Receiver, clock: Clock
) -> None:
    receiver.script = [status(500)] * 3
    for age in (60, 60, 40, 40):
        await station.log(watched, 500, age)
        await station.hour()
    while await station.desk.store.waiting(range(64)):
        clock.time += LONGEST_SECONDS
        await station.courier.round()
    told = list(dict.fromkeys((note.headers["Turnout-Event"], note.said["id"]) for note in receiver.notes))
    assert [event for event, _ in told] == ["firing", "resolved"]


async def test_the_queue_is_bounded_and_what_finds_no_room_is_a_dead_letter(
    ask: Ask, watched: Model, station: Station, receiver: Receiver, connections: Connections,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(alert_store, "MOST_WAITING", 1)
    await ask("UpdateAlertConfig", settings(webhooks=[hook(receiver), hook(receiver, id="second")]))
    for _ in range(2):
        await station.log(watched, 500, 60)
        await station.hour(told=False)
    assert sum((await station.desk.store.waiting(range(64))).values()) == 1
    letters = await connections.steady.xrange(alert_keys.alert_dead_letters(partition_for(watched.uid)))
    assert [letter[b"why"] for _, letter in letters] == [b"too many wait"]
    value = station.metrics.registry.get_sample_value
    assert value("turnout_notifications_total", {"result": "dead"}) == 1


async def test_one_webhook_that_fails_keeps_no_other_waiting(
    ask: Ask, watched: Model, station: Station, receiver: Receiver
) -> None:
    broken = {"id": "broken", "url": "http://127.0.0.1:1/"}
    await ask("UpdateAlertConfig", settings(webhooks=[broken, hook(receiver)]))
    for _ in range(2):
        await station.log(watched, 500, 60)
        await station.hour()
    assert receiver.events() == ["firing"]


async def test_a_webhook_that_was_removed_meanwhile_is_told_nothing(
    ask: Ask, firing: Model, station: Station, receiver: Receiver
) -> None:
    other = {"id": "other", "url": receiver.url}
    await ask("UpdateAlertConfig", settings(webhooks=[other]))
    await station.rota.round()
    await station.courier.round()
    assert receiver.notes == []
    (note,) = (await alerts(ask))[0].notifications
    assert note.error == "the webhook is no longer among the model's settings"


async def test_a_secret_that_was_changed_meanwhile_signs_what_waits(
    ask: Ask, firing: Model, station: Station, receiver: Receiver, clock: Clock
) -> None:
    await ask("UpdateAlertConfig", settings(webhooks=[hook(receiver, secret="")]))
    await station.rota.round()
    await station.courier.round()
    assert "Turnout-Signature" not in receiver.notes[0].headers


def test_a_day_of_outage_is_not_survived_by_an_attempt_but_an_hour_is() -> None:
    """What the page says of how long is tried: an hour, at the least."""
    rng = random.Random(1)
    pauses = [min(LONGEST_SECONDS, FIRST_SECONDS * 2.0**one) for one in range(MOST_ATTEMPTS - 1)]
    shortest = sum(pause * 0.5 for pause in pauses)
    assert 20 * 60 <= shortest <= sum(pause * (0.5 + rng.random() / 2) for pause in pauses) <= 3600
