"""Canaries over real channels, in simulated time: what evidence, silence and harm lead to."""

import pytest
from turnout.drift.v1.result_pb2 import DriftResult, DriftStatus

from services.state.verdicts import VerdictStore
from tests.feedback.canary.stage import CRITERIA, Stage, move, state

LABELS = {"promotion_criteria": CRITERIA}


async def test_a_better_canary_goes_up_its_steps_and_is_promoted(stage: Stage) -> None:
    await stage.open(**LABELS)
    await stage.play(0.5, 0.95)
    router = await stage.look()
    assert (router.canary.canary_percentage, state(router)) == (50, "RUNNING")
    assert (await stage.status()).waiting_for.startswith("labels: 0 of 1")
    await stage.play(0.5, 0.95)
    router = await stage.look()
    assert state(router) == "PROMOTED"
    assert (router.canary.baseline_model, router.canary.canary_percentage) == ("b", 0)
    assert await stage.kinds() == ["START", "STEP", "PROMOTE"]
    promoted = (await stage.events()).events[0]
    assert (promoted.automatic, promoted.from_percentage, promoted.to_percentage) == (True, 50, 100)
    assert (promoted.baseline, promoted.canary, promoted.trial) == ("a", "b", 1)
    (promotion, *_) = promoted.evidence.findings
    assert (promotion.question, promotion.answered) == ("promotion", True)
    assert promotion.log_evidence >= promotion.threshold
    assert promotion.canary_mean > 0.9 > 0.6 > promotion.baseline_mean
    assert promotion.low > 0.02
    assert "by more than 0.02" in promoted.reason
    status = await stage.status()
    assert (status.percentage, status.baseline, status.canary) == (100, "a", "b")
    assert status.waiting_for.startswith("nothing: it is promoted")


async def test_a_worse_canary_is_rolled_back(stage: Stage) -> None:
    await stage.open(**LABELS)
    await stage.play(0.95, 0.4)
    router = await stage.look()
    assert (router.canary.canary_percentage, state(router)) == (0, "ROLLED_BACK")
    assert (router.canary.baseline_model, router.canary.canary_model) == ("a", "b")
    assert await stage.kinds() == ["START", "ROLLBACK"]
    event = (await stage.events()).events[0]
    assert event.reason.startswith("the canary is worse in accuracy: 0.")
    (loss,) = [one for one in event.evidence.findings if one.question == "loss"]
    assert loss.answered
    assert loss.canary_mean < 0.6 < 0.9 < loss.baseline_mean
    assert loss.high < 0


async def test_a_canary_without_labels_is_held_where_it_is(stage: Stage) -> None:
    await stage.open(**LABELS)
    for _ in range(2):
        await stage.play(0.5, 0.95, labelled=False)
        router = await stage.look()
        assert (router.canary.canary_percentage, state(router)) == (20, "RUNNING")
    status = await stage.status()
    assert status.waiting_for.startswith("fresh data: none of 160 predictions of the ")
    assert [arm.missing > 0 and arm.labelled == 0 for arm in status.evidence.arms] == [True, True]
    # And where even the traffic ends, what was known grows old.
    stage.arena.pass_time(3600)
    router = await stage.look()
    assert router.canary.canary_percentage == 20


async def test_evidence_that_has_grown_old_moves_nothing(stage: Stage) -> None:
    await stage.open(**LABELS)
    await stage.play(0.5, 0.95)
    stage.arena.pass_time(3600)
    router = await stage.look()
    assert router.canary.canary_percentage == 20
    assert (await stage.status()).waiting_for.startswith("fresh data")


async def test_a_canary_that_is_alike_is_never_promoted_and_held_at_the_end_of_its_budget(
    stage: Stage,
) -> None:
    await stage.open(**LABELS, max_samples=150)
    await stage.play(0.8, 0.8)
    assert (await stage.look()).canary.canary_percentage == 50
    await stage.play(0.8, 0.8)
    router = await stage.look()
    assert (router.canary.canary_percentage, state(router)) == (50, "HELD")
    held = (await stage.events()).events[0]
    assert (held.kind, held.reason.partition(":")[2][:22]) == (
        "HOLD",
        " undecided after " + held.reason[22:27],
    )
    await stage.play(0.3, 0.99)
    assert state(await stage.look()) == "HELD"
    await stage.change(max_samples=100_000)
    assert state(await stage.look()) == "PROMOTED"


async def test_a_canary_that_fails_goes_before_a_minute_is_over(stage: Stage) -> None:
    await stage.open(**LABELS)
    await stage.look()
    share = {"a": 0.8, "b": 0.2}
    events = [stage.arena.decide(variant, share, failed=variant == "b") for variant in "aaaab" * 12]
    await stage.arena.log(events)
    await stage.consumed()
    assert state(await stage.look()) == "ROLLED_BACK"
    event = (await stage.events()).events[0]
    assert event.reason == ("12 of the canary's latest 12 predictions failed, 0 of the baseline's 48")


async def test_a_guardrail_pauses_or_rolls_back_by_its_own_evidence(stage: Stage) -> None:
    guardrail = {"metric": "error_rate", "max_value": 0.05, "action": "GUARDRAIL_ACTION_PAUSE"}
    await stage.open(guardrails=[guardrail])
    share = {"a": 0.8, "b": 0.2}
    await stage.arena.log(
        [stage.arena.decide("b" if n % 5 == 0 else "a", share, failed=n % 15 == 0) for n in range(600)]
    )
    await stage.pass_a_minute()
    router = await stage.look()
    assert (router.canary.canary_percentage, state(router)) == (20, "PAUSED")
    event = (await stage.events()).events[0]
    assert event.reason.startswith("guardrail error_rate: past its max_value 0.05; 0.333")
    (found,) = event.evidence.findings
    assert (found.question, found.answered, round(found.canary_mean, 2)) == (
        "guardrail:error_rate",
        True,
        0.33,
    )
    # It stays broken, and pauses no second time.
    assert state(await stage.look()) == "PAUSED"
    assert await stage.kinds() == ["START", "PAUSE"]


async def test_an_alert_of_drift_rolls_back(stage: Stage) -> None:
    await stage.open(**LABELS, guardrails=[{"metric": "drift"}])
    await stage.look()
    uid = (await stage.setting.models.read("models/b")).uid
    result = DriftResult(model="models/b", status=DriftStatus.DRIFT_STATUS_ALERT)
    result.create_time.FromMicroseconds(int(stage.setting.now() * 1e6))
    await VerdictStore(stage.setting.connections).publish(uid, result)
    await stage.setting.parts.canary.controller.observer.verdicts.poll()
    assert state(await stage.look()) == "ROLLED_BACK"
    event = (await stage.events()).events[0]
    assert event.reason == "guardrail drift: the canary's model has the drift status alert"


async def test_point_estimates_promote_where_the_criteria_are_read_literally(stage: Stage) -> None:
    await stage.open(promotion_criteria=CRITERIA, evidence="EVIDENCE_LITERAL", steps=[{"percentage": 50}])
    await stage.play(0.5, 0.75, count=80)
    assert state(await stage.look()) == "PROMOTED"
    event = (await stage.events()).events[0]
    assert "76 to 80 times in 100" in event.reason
    assert not event.evidence.findings[0].HasField("threshold")


async def test_where_auto_is_off_the_rules_only_speak(stage: Stage) -> None:
    await stage.open(**LABELS, auto=False)
    await stage.play(0.5, 0.95)
    assert (await stage.look()).canary.canary_percentage == 20
    status = await stage.status()
    assert move(status) == "STEP"
    assert status.waiting_for.startswith("a person, as auto is off: the stage of 20 % is done")


async def test_a_new_trial_begins_with_evidence_of_its_own(stage: Stage) -> None:
    await stage.open(**LABELS)
    await stage.play(0.95, 0.4)
    assert state(await stage.look()) == "ROLLED_BACK"
    await stage.change(canary_percentage=20)
    router = await stage.look()
    assert state(router) == "RUNNING"
    status = await stage.status()
    assert status.trial == router.canary.trial.number == router.generation
    assert not status.evidence.findings
    await stage.play(0.5, 0.95)
    assert (await stage.look()).canary.canary_percentage == 50


async def test_what_is_undecided_says_how_long_it_will_take(stage: Stage) -> None:
    await stage.open(**LABELS, steps=[{"percentage": 50}])
    await stage.play(0.6, 0.75, count=150)
    await stage.look()
    said = (await stage.status()).waiting_for
    assert said.startswith("evidence: ")
    assert said.endswith(" more if the difference is what it looks like")


async def test_a_stopped_router_has_a_canary_that_waits(stage: Stage) -> None:
    await stage.open(**LABELS)
    await stage.play(0.95, 0.4)
    await stage.stop()
    assert state(await stage.look()) == "RUNNING"
    assert (await stage.status()).waiting_for == "the router to be running"


@pytest.mark.parametrize(("old", "new"), [(0.5, 0.95), (0.95, 0.4)])
async def test_a_paused_canary_does_not_grow_and_still_goes_when_it_harms(
    stage: Stage, old: float, new: float
) -> None:
    await stage.open(**LABELS)
    await stage.ask("PauseCanary", reason="over the weekend")
    await stage.play(old, new)
    router = await stage.look()
    better = new > old
    assert state(router) == ("PAUSED" if better else "ROLLED_BACK")
    assert router.canary.canary_percentage == (20 if better else 0)
