"""From drifted traffic to an alert and back, on a clock of the test's own; Redis and the webhook are real."""

import random

import pytest
from turnout.drift.v1 import alert_rpc_pb2 as rpc
from turnout.drift.v1.alert_config_pb2 import ALERT_SEVERITY_ALERT, ALERT_SEVERITY_WARNING
from turnout.drift.v1.alert_pb2 import (
    ALERT_KIND_CONCEPT_DRIFT,
    ALERT_KIND_DRIFT,
    ALERT_KIND_NO_DATA,
    ALERT_STATE_FIRING,
    ALERT_STATE_PENDING,
    ALERT_STATE_RESOLVED,
    NOTIFICATION_STATE_DELIVERED,
)
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest, ListResultsRequest
from turnout.drift.v1.baseline_rpc_pb2 import DeleteBaselineRequest, ListBaselinesRequest
from turnout.drift.v1.concept_pb2 import (
    CONCEPT_STATUS_DRIFT,
    ConceptDetection,
    ConceptProgress,
    ConceptState,
)
from turnout.drift.v1.result_pb2 import DRIFT_STATUS_ALERT, DRIFT_STATUS_INSUFFICIENT_DATA, DRIFT_STATUS_OK
from turnout.router.v1.model_pb2 import Model

from services.drift.alerts.signing import verify
from services.drift.concept import watching
from services.drift.concept.store import ConceptStore
from services.drift.concept.terms import terms_of
from services.drift.concept.watching import Observed
from services.drift.schedule.timetable import MOST_LATE
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.ids import new_prediction_id
from services.state.kinds import MODELS
from services.state.verdicts import VerdictReader
from tests.drift.alerts.conftest import HOUR, SECRET, Clock, Station, alerts, hook, settings, stationed
from tests.drift.alerts.receiver import Receiver
from tests.drift.conftest import Ask
from tests.waiting import eventually

GET = rpc.GetAlertConfigRequest(model="churn")


def reader(connections: Connections, model: Model, clock: Clock) -> VerdictReader:
    return VerdictReader(connections, uid_of={model.name: model.uid}.get, now=clock, rng=random.Random(1))


async def test_drift_raises_an_alert_after_two_looks_and_two_good_ones_clear_it(
    ask: Ask, watched: Model, station: Station, receiver: Receiver, connections: Connections, clock: Clock
) -> None:
    routers = reader(connections, watched, clock)
    seen = []
    for age in (40, 60, 60, 60, 40, 40):
        await station.log(watched, 500, age)
        assert await station.hour() == 1
        await routers.poll()
        seen.append((routers.get("models/churn"), receiver.events()))
    assert seen == [
        ("ok", []),
        ("ok", []),
        ("alert", ["firing"]),
        ("alert", ["firing"]),
        ("alert", ["firing"]),
        ("ok", ["firing", "resolved"]),
    ]
    (alert,) = await alerts(ask)
    assert (alert.kind, alert.state, alert.severity) == (
        ALERT_KIND_DRIFT,
        ALERT_STATE_RESOLVED,
        ALERT_SEVERITY_ALERT,
    )
    assert alert.resolve_time.seconds - alert.fire_time.seconds == 3 * HOUR
    assert {one.state for one in alert.notifications} == {NOTIFICATION_STATE_DELIVERED}
    assert [one.event for one in alert.notifications] == ["resolved", "firing"]


async def test_the_notification_is_signed_and_says_what_moved(
    ask: Ask, watched: Model, station: Station, receiver: Receiver, clock: Clock
) -> None:
    for _ in range(2):
        await station.log(watched, 500, 60)
        await station.hour()
    (note,) = receiver.notes
    assert verify(SECRET.encode(), note.body, note.headers["Turnout-Signature"], clock())
    assert not verify(b"another secret of it", note.body, note.headers["Turnout-Signature"], clock())
    said = note.said
    assert said["id"] == note.headers["Idempotency-Key"]
    assert (said["event"], said["test"], said["model"]) == ("firing", False, "models/churn")
    assert said["alert"]["severity"] == "ALERT_SEVERITY_ALERT"
    (feature,) = said["alert"]["features"]
    assert (feature["feature"], feature["statistic"]) == ("age", "psi")
    assert feature["value"] > feature["threshold"] == 0.2
    assert said["alert"]["result"].startswith("models/churn/results/")
    assert said["alert"]["summary"].startswith("1 feature is past a threshold: age (psi ")


async def test_how_the_schedule_stands_is_told(
    ask: Ask, watched: Model, station: Station, clock: Clock
) -> None:
    assert not (await ask("GetAlertConfig", GET)).HasField("status")
    await station.log(watched, 500, 60)
    await station.hour()
    status = (await ask("GetAlertConfig", GET)).status
    assert status.last_look_time.seconds == clock.time
    assert status.next_look_time.seconds == clock.time + HOUR
    assert (status.status, status.epoch_looks_done) == (DRIFT_STATUS_OK, 1)
    assert status.conditions[0].state == ALERT_STATE_PENDING
    (age, *others) = status.evidence
    assert (age.feature, age.established) == ("age", True)
    assert not any(one.established for one in others)
    await station.log(watched, 500, 60)
    await station.hour()
    status = (await ask("GetAlertConfig", GET)).status
    assert (status.status, status.conditions[0].state) == (DRIFT_STATUS_ALERT, ALERT_STATE_FIRING)
    assert status.conditions[0].alert == (await alerts(ask))[0].name


async def test_looks_without_enough_data_neither_raise_nor_clear(
    ask: Ask, watched: Model, station: Station, connections: Connections, clock: Clock
) -> None:
    routers = reader(connections, watched, clock)
    for rows in (500, 99, 0, 500, 99, 0, 0):
        await station.log(watched, rows, 60)
        await station.hour()
    (alert,) = await alerts(ask)
    assert alert.state == ALERT_STATE_FIRING
    await routers.poll()
    assert routers.get("models/churn") == "alert"


async def test_without_data_the_verdict_is_not_ok(
    ask: Ask, watched: Model, station: Station, connections: Connections, clock: Clock
) -> None:
    routers = reader(connections, watched, clock)
    await station.hour()
    await routers.poll()
    assert routers.get("models/churn") == "insufficient_data"
    assert (await ask("GetAlertConfig", GET)).status.status == DRIFT_STATUS_INSUFFICIENT_DATA


async def test_too_long_without_data_is_an_alert_of_its_own(
    ask: Ask, watched: Model, station: Station, receiver: Receiver
) -> None:
    await ask("UpdateAlertConfig", settings(no_data={"after": {"seconds": 2 * HOUR}}))
    for rows, events in ((500, []), (0, []), (0, ["firing"]), (0, ["firing"]), (500, ["firing", "resolved"])):
        await station.log(watched, rows)
        await station.hour()
        assert receiver.events() == events
    (alert,) = await alerts(ask)
    assert (alert.kind, alert.severity) == (ALERT_KIND_NO_DATA, ALERT_SEVERITY_WARNING)


async def test_each_look_is_made_once_however_often_its_replica_changes(
    ask: Ask, watched: Model, station: Station, connections: Connections, clock: Clock
) -> None:
    """The first replica vanishes; the next one goes on where it was, and a third after it."""
    looks = await station.hour()

    names = iter("abc")
    await station.ownership.drain()
    for _ in range(3):
        async with stationed(connections, clock, next(names)) as successor:
            await eventually(lambda: len(successor.ownership.owned) == 64)
            looks += await successor.hour() + await successor.rota.round()
            looks += await successor.hour()
    results = (await ask("ListResults", ListResultsRequest(model="churn"))).results
    ends = sorted(one.end_time.seconds for one in results)
    assert looks == len(ends) == 7
    assert ends == [ends[0] + HOUR * number for number in range(7)]


async def test_what_one_replica_wrote_and_did_not_tell_its_successor_tells(
    ask: Ask, watched: Model, station: Station, connections: Connections, clock: Clock, receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It dies between its write and everything that follows from it."""
    await station.log(watched, 500, 60)
    await station.hour()
    await station.log(watched, 500, 60)

    async def die(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(station.rota.looker, "_tell", die)
    with pytest.raises(RuntimeError, match="killed"):
        await station.hour()
    await station.ownership.drain()
    assert await station.desk.store.firing() == []
    clock.time += 100
    async with stationed(connections, clock, "successor") as successor:
        await eventually(lambda: len(successor.ownership.owned) == 64)
        assert await successor.rota.round() == 0
        (firing,) = await successor.desk.store.firing()
        await successor.courier.round()
    assert firing.name == (await alerts(ask))[0].name
    assert receiver.events() == ["firing"]
    routers = reader(connections, watched, clock)
    await routers.poll()
    assert routers.get("models/churn") == "alert"


async def test_who_has_lost_the_partition_writes_nothing(
    ask: Ask, watched: Model, station: Station, connections: Connections, clock: Clock
) -> None:
    """Its fence is that of a lease that another has taken meanwhile."""
    await station.rota.round()
    stale = dict(station.ownership.owned)
    await station.ownership.drain()
    async with stationed(connections, clock, "other") as other:
        await eventually(lambda: len(other.ownership.owned) == 64)
        station.ownership._owned.update(stale)
        assert await station.hour() == 0
        assert not (await ask("GetAlertConfig", GET)).HasField("status")
        assert await other.rota.round() == 0
        clock.time -= HOUR
        assert await other.hour() == 1


async def test_looks_that_nobody_made_in_time_are_passed_over_and_counted(
    ask: Ask, watched: Model, station: Station, clock: Clock
) -> None:
    assert await station.hour() == 1
    clock.time += (MOST_LATE + 4) * HOUR
    assert await station.hour() == MOST_LATE
    status = (await ask("GetAlertConfig", GET)).status
    assert status.looks_passed_over == 5


async def test_switching_the_schedule_off_clears_what_fires(
    ask: Ask, watched: Model, station: Station, receiver: Receiver, connections: Connections, clock: Clock
) -> None:
    for _ in range(2):
        await station.log(watched, 500, 60)
        await station.hour()
    await ask("UpdateAlertConfig", settings(schedule={"enabled": False}))
    assert await station.hour() == 0
    (alert,) = await alerts(ask)
    assert (alert.state, alert.summary) == (ALERT_STATE_RESOLVED, "It is no longer looked for.")
    assert await station.desk.store.firing() == []


async def test_a_deleted_model_leaves_no_alerts(
    ask: Ask, watched: Model, station: Station, connections: Connections, clock: Clock
) -> None:
    for _ in range(2):
        await station.log(watched, 500, 60)
        await station.hour()
    assert len(await station.desk.store.firing()) == 1
    await ConfigStore(connections, MODELS, clock, random.Random(7)).delete(watched.name)
    await station.hour()
    assert await station.desk.store.firing() == []
    assert await station.desk.store.memory(watched.uid) is None
    assert await station.desk.store.alerts(watched.uid) == []


async def test_without_a_baseline_nothing_fires_and_routers_hear_of_no_drift(
    ask: Ask, watched: Model, station: Station, receiver: Receiver, connections: Connections, clock: Clock
) -> None:
    routers = reader(connections, watched, clock)
    for _ in range(2):
        await station.log(watched, 500, 60)
        await station.hour()
    (baseline,) = (await ask("ListBaselines", ListBaselinesRequest(model="churn"))).baselines
    await ask("DeleteBaseline", DeleteBaselineRequest(name=baseline.name, force=True))
    await station.hour()
    (alert,) = await alerts(ask)
    assert alert.state == ALERT_STATE_RESOLVED
    assert alert.summary.startswith("There is nothing to compare with: models/churn has no active baseline")
    assert receiver.events() == ["firing", "resolved"]
    await routers.poll()
    assert routers.get("models/churn") == "insufficient_data"


async def test_while_a_schedule_decides_a_persons_own_look_does_not(
    ask: Ask, watched: Model, station: Station, connections: Connections, clock: Clock
) -> None:
    await station.log(watched, 500, 60)
    await station.hour()
    found = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    assert found.status == DRIFT_STATUS_ALERT
    routers = reader(connections, watched, clock)
    await routers.poll()
    assert routers.get("models/churn") == "ok"


async def test_with_another_interval_what_the_former_said_is_taken_back_once(
    ask: Ask, watched: Model, station: Station, connections: Connections, clock: Clock
) -> None:
    """Until its first look a schedule says nothing, and a person's look may."""
    routers = reader(connections, watched, clock)
    await station.log(watched, 500)
    await station.hour()
    await ask("UpdateAlertConfig", settings(schedule={"enabled": True, "interval": {"seconds": 7 * 86_400}}))
    await station.rota.round()
    await routers.poll()
    assert routers.get("models/churn") is None
    await ask("Analyze", AnalyzeRequest(model="churn"))
    await station.rota.round()
    await routers.poll()
    assert routers.get("models/churn") == "ok"


async def test_a_webhook_hears_nothing_below_its_severity(
    ask: Ask, watched: Model, station: Station, receiver: Receiver
) -> None:
    """A warning is nothing to it, so that it hears of a firing alert when it becomes graver."""
    grave = hook(receiver, id="grave", min_severity=ALERT_SEVERITY_ALERT)
    bands = {"psi": {"warning": 0.1, "alert": 3.0}}
    await ask("UpdateAlertConfig", settings(webhooks=[hook(receiver), grave], thresholds=bands))
    for age in (55, 55, 100, 100):
        await station.log(watched, 500, age)
        await station.hour()
    assert sorted(receiver.events()) == ["escalated", "firing", "firing"]


async def test_gauges_and_counters_say_what_fires_and_what_was_told(
    ask: Ask, watched: Model, station: Station
) -> None:
    for _ in range(2):
        await station.log(watched, 500, 60)
        await station.hour()
    value = station.metrics.registry.get_sample_value
    assert value("turnout_alerts_firing", {"model": "models/churn", "severity": "alert"}) == 1
    assert value("turnout_scheduled_looks_total", {"status": "alert"}) == 2
    assert value("turnout_notifications_total", {"result": "delivered"}) == 1


async def test_detectors_go_by_the_settings_whoever_died_between_the_two(
    ask: Ask, watched: Model, station: Station, connections: Connections, clock: Clock
) -> None:
    """The settings are written first; what follows from them is written again by the owner of the model."""
    store, usual = ConceptStore(connections), ConceptDetection(usual_loss=0.25)
    await ask("UpdateAlertConfig", settings(concept={"detection": {"usual_loss": 0.25}}))
    await station.rota.round()
    # As if its sender had died before, or a slower one had come after.
    for late in (ConceptDetection(), ConceptDetection(usual_loss=0.5)):
        await store.configure(watched.uid, late)
        await station.rota.round()
        clock.time += 60
        await station.rota.round()
        assert await store.detections([watched.uid]) == {watched.uid: usual}
    await ConfigStore(connections, MODELS, clock, random.Random(7)).delete(watched.name)
    await station.rota.round()
    assert await store.detections([watched.uid]) == {watched.uid: ConceptDetection()}


async def test_a_look_says_what_detectors_make_of_the_errors(
    ask: Ask, watched: Model, station: Station, connections: Connections
) -> None:
    partition, stream = 3, watching.begin("error", terms_of(ConceptDetection(usual_loss=0.1)))
    await ask("UpdateAlertConfig", settings(concept={"detection": {"usual_loss": 0.1}}))
    made = [Observed(new_prediction_id(partition, 1e9 + at, random.Random(at)), 1.0) for at in range(200)]
    watching.fold(stream, terms_of(ConceptDetection(usual_loss=0.1)), made)
    state = ConceptState(streams=[stream])
    fence = station.ownership.fence(partition)
    await ConceptStore(connections).write(partition, fence, ConceptProgress(), {watched.uid: state})
    await station.log(watched, 500)
    await station.hour()
    (result,) = (await ask("ListResults", ListResultsRequest(model="churn"))).results
    assert result.concept.status == CONCEPT_STATUS_DRIFT
    assert "errs more than usual" in result.concept.summary
    (alert,) = await alerts(ask)
    assert alert.kind == ALERT_KIND_CONCEPT_DRIFT
