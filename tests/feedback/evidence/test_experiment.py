"""What GetExperiment says, over a real channel: of arms that differ, that do not, of data that lie."""

from collections.abc import Sequence

import pytest
from turnout.feedback.v1 import experiment_pb2 as rpc
from turnout.inference.v1.event_pb2 import Truth
from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import RemoteError
from tests.feedback.evidence.arena import HORIZON, Arena, Play, weighted
from tests.waiting import eventually

EVEN = {"a": 0.5, "b": 0.5}
Decision = rpc.ExperimentDecision


def said(found: rpc.Experiment) -> str:
    return Decision.Name(found.decision).removeprefix("EXPERIMENT_DECISION_")


async def settle(arena: Arena, plays: Sequence[Play], metric: str = "") -> None:
    """Decisions are logged and rewarded, their minutes pass, and all that is ready is folded."""
    await arena.log([one.event for one in plays])
    await arena.reward(plays, metric)
    await eventually(arena.consumed)
    arena.pass_time(120)
    await arena.fold()


async def play(
    arena: Arena, rates: dict[str, float], count: int = 1500, shares: dict[str, float] = EVEN
) -> rpc.Experiment:
    await settle(arena, [arena.draw(shares, rates) for _ in range(count)])
    return await arena.experiment()


async def test_a_better_variant_wins_with_its_numbers(arena: Arena) -> None:
    await arena.open()
    found = await play(arena, {"a": 0.6, "b": 0.8})
    assert (said(found), found.winner, found.baseline) == ("WIN", "b", "a")
    (one,) = found.comparisons
    assert 0.1 < one.effect.estimate < 0.3
    assert one.effect.bounds.low > 0
    assert one.effect.p_better < 0.01 < 0.9 < one.effect.p_worse
    assert sum(arm.observations for arm in found.arms) == 1500
    assert "b: accuracy is better: evidence" in found.reason


async def test_a_worse_variant_loses(arena: Arena) -> None:
    await arena.open()
    found = await play(arena, {"a": 0.8, "b": 0.6})
    assert (said(found), found.winner) == ("LOSE", "")


async def test_variants_that_are_alike_go_on_however_often_they_are_looked_at(arena: Arena) -> None:
    await arena.open()
    for _ in range(8):
        found = await play(arena, {"a": 0.8, "b": 0.8}, count=250)
        assert said(found) == "CONTINUE"
    assert sum(arm.observations for arm in found.arms) == 2000


async def test_before_anything_is_folded_there_is_no_decision(arena: Arena) -> None:
    await arena.open()
    found = await arena.experiment()
    assert said(found) == "HOLD"
    assert "no data is never success" in found.reason
    assert (found.alpha, found.unit, found.primary_metric) == (0.05, "entity", "accuracy")


async def test_of_several_treatments_the_best_wins_and_each_has_its_verdict(arena: Arena) -> None:
    def three(router: Router) -> None:
        weighted(router)
        router.variants.add(id="c", model="models/a", enabled=True)
        router.variants.add(id="idle", model="models/b", enabled=False)

    await arena.open(three)
    shares = {"a": 0.4, "b": 0.3, "c": 0.3}
    found = await play(arena, {"a": 0.6, "b": 0.4, "c": 0.85}, shares=shares)
    assert (said(found), found.winner) == ("WIN", "c")
    verdicts = {one.variant: Decision.Name(one.decision).rpartition("_")[2] for one in found.comparisons}
    assert verdicts == {"b": "LOSE", "c": "WIN", "idle": "HOLD"}


async def test_of_a_variant_that_is_disabled_nothing_further_is_promised(arena: Arena) -> None:
    router = await arena.open(lambda router: weighted(router, min_effect=0.2, max_samples=2000))
    (before,) = (await play(arena, {"a": 0.7, "b": 0.7}, count=100)).comparisons
    assert before.expected_observations
    assert before.power

    def disable(seen: Router) -> None:
        seen.variants[1].enabled = False

    await arena.setting.routers.update(router.name, disable)
    await arena.setting.parts.follower.reconcile()
    found = await arena.experiment()
    (after,) = found.comparisons
    assert (after.expected_observations, after.power, after.HasField("expected_time")) == (0, 0, False)
    assert after.effect == before.effect
    assert (
        "b is disabled: no further observation of it comes, and what is known of it stands" in found.warnings
    )


async def test_shares_that_change_on_the_way_and_those_of_a_bandit_are_those_that_were_logged(
    arena: Arena,
) -> None:
    def bandit(router: Router) -> None:
        router.bandit.SetInParent()
        router.default_deadline.FromSeconds(1)
        router.experiment.primary_metric = "accuracy"
        router.experiment.label_horizon.FromSeconds(HORIZON)

    await arena.open(bandit)
    for share in (0.1, 0.5, 0.9):
        found = await play(arena, {"a": 0.6, "b": 0.85}, count=500, shares={"a": 1 - share, "b": share})
    assert said(found) == "WIN"
    assert not found.sample_ratio.mismatch


async def test_arms_that_were_not_drawn_as_logged_make_it_invalid(arena: Arena) -> None:
    """As if a third of the canary's events were lost on the way."""
    await arena.open()
    plays = [arena.draw(EVEN, {"a": 0.7, "b": 0.7}) for _ in range(900)]
    await settle(arena, [one for one in plays if one.variant == "a" or arena.rng.random() < 0.6])
    found = await arena.experiment()
    assert said(found) == "INVALID"
    assert found.sample_ratio.mismatch
    assert found.sample_ratio.p_value < 0.01
    assert "the assignment favours an arm" in found.reason


async def test_a_client_that_reports_one_arm_only_makes_it_invalid(arena: Arena) -> None:
    await arena.open()
    plays = [arena.draw(EVEN, {"a": 0.7, "b": 0.7}) for _ in range(600)]
    await settle(arena, [one if one.variant == "a" else one._replace(reward=None) for one in plays])
    found = await arena.experiment()
    assert said(found) == "INVALID"
    assert [one.differs for one in found.missing_labels] == [True]
    assert not found.sample_ratio.mismatch
    assert any("had no value within" in one for one in found.warnings)


async def test_without_any_feedback_nothing_is_decided(arena: Arena) -> None:
    await arena.open()
    plays = [arena.draw(EVEN, {"a": 0.1, "b": 0.9})._replace(reward=None) for _ in range(200)]
    await settle(arena, plays)
    found = await arena.experiment()
    assert said(found) == "HOLD"
    assert sum(arm.missing for arm in found.arms) == sum(arm.decisions for arm in found.arms) == 200


async def test_labels_that_may_still_come_are_waited_for(arena: Arena) -> None:
    def patient(router: Router) -> None:
        weighted(router)
        router.experiment.label_horizon.FromSeconds(3600)

    await arena.open(patient)
    plays = [arena.draw(EVEN, {"a": 0.5, "b": 0.9}) for _ in range(300)]
    await settle(arena, [one._replace(reward=None) for one in plays])
    assert sum(arm.observations + arm.missing for arm in (await arena.experiment()).arms) == 0
    await arena.reward(plays)
    arena.pass_time(120)
    await arena.fold()
    assert sum(arm.observations for arm in (await arena.experiment()).arms) == 300


async def test_truth_is_evidence_through_the_door_of_feedback(arena: Arena) -> None:
    await arena.open()
    setting = arena.setting
    event = setting.event("b", "yes")
    for name in ("a", "b"):
        event.manifest.decision.candidates.add(variant=name, probability=0.5, eligible=True)
    await setting.record(event)
    await setting.log(event)
    await setting.give(event.manifest.prediction_id, truth=Truth(label="yes"))
    await eventually(arena.consumed)

    async def rewarded() -> bool:
        return (await setting.arm("b")).rewards == 1

    await eventually(rewarded)
    arena.pass_time(120)
    await arena.fold()
    arm = {one.variant: one for one in (await arena.experiment()).arms}["b"]
    assert (arm.decisions, arm.observations, arm.mean) == (1, 1, 1.0)


async def test_a_failure_is_the_declared_reward_and_nobody_need_report_it(arena: Arena) -> None:
    await arena.open()
    events = [arena.decide("b", EVEN, failed=True) for _ in range(5)] + [arena.decide("a", EVEN)]
    await settle(arena, [Play(one, one.manifest.decision.variant, None) for one in events])
    arms = {one.variant: one for one in (await arena.experiment()).arms}
    assert (arms["b"].failures, arms["b"].observations, arms["b"].missing, arms["b"].mean) == (5, 5, 0, 0.0)


async def test_a_router_without_an_experiment_says_so(arena: Arena) -> None:
    with pytest.raises(RemoteError) as raised:
        await arena.experiment()
    assert (raised.value.code, raised.value.reason) == ("FAILED_PRECONDITION", "NO_EXPERIMENT")
    assert "has no experiment: give it one" in raised.value.message


@pytest.mark.parametrize(("router", "code"), [("", "INVALID_ARGUMENT"), ("routers/none", "NOT_FOUND")])
async def test_a_bad_name_is_refused(arena: Arena, router: str, code: str) -> None:
    with pytest.raises(RemoteError) as raised:
        await arena.setting.ask("GetExperiment", rpc.GetExperimentRequest(router=router))
    assert raised.value.code == code
