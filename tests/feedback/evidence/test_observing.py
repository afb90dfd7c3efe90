"""What is an observation and what is not; bounds, and what is said when they are reached."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.feedback.v1 import experiment_pb2 as rpc
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import EventBatch, Gap, PredictionEvent
from turnout.router.v1.router_pb2 import Router

from services.feedback.evidence import folder, observations
from services.state import events
from tests.feedback.evidence.arena import Arena, Play, weighted
from tests.feedback.evidence.test_experiment import EVEN, said, settle
from tests.waiting import eventually

SAME = {"a": 0.7, "b": 0.7}


def guarded(**bounds: float) -> Callable[[Router], None]:
    def change(router: Router) -> None:
        weighted(router)
        router.experiment.guardrails.add(metric=str(bounds.pop("metric")), **bounds)

    return change


async def count(arena: Arena) -> int:
    return sum(arm.decisions for arm in (await arena.experiment()).arms)


async def test_an_entity_is_one_observation_by_its_first_decision(arena: Arena) -> None:
    await arena.open()
    plays = [arena.draw(EVEN, SAME, entity=f"customer-{number % 40}") for number in range(200)]
    await settle(arena, plays)
    await settle(arena, [arena.draw(EVEN, SAME, entity="customer-1") for _ in range(10)])
    assert await count(arena) == 40
    first = {one.event.entity_id: one for one in reversed(plays)}
    arms = {arm.variant: arm.decisions for arm in (await arena.experiment()).arms}
    assert arms == {name: sum(one.variant == name for one in first.values()) for name in ("a", "b")}


async def test_each_prediction_is_one_where_the_experiment_says_so(arena: Arena) -> None:
    await arena.open(lambda router: weighted(router, unit="prediction"))
    await settle(arena, [arena.draw(EVEN, SAME, entity="customer-1") for _ in range(20)])
    assert await count(arena) == 20
    assert (await arena.experiment()).unit == "prediction"


def _pinned(event: PredictionEvent) -> None:
    event.manifest.decision.mode = manifest.DECISION_MODE_PINNED


def _held(event: PredictionEvent) -> None:
    event.manifest.decision.held = True


def _in_turn(event: PredictionEvent) -> None:
    event.manifest.decision.draw = manifest.DRAW_SOURCE_COUNTER


def _no_choice(event: PredictionEvent) -> None:
    for one in event.manifest.decision.candidates:
        one.probability = float(one.variant == event.manifest.decision.variant)


def _of_another_generation(event: PredictionEvent) -> None:
    event.manifest.generation = 0


@pytest.mark.parametrize("spoil", [_pinned, _held, _in_turn, _no_choice, _of_another_generation])
async def test_what_chance_did_not_choose_is_none(
    arena: Arena, spoil: Callable[[PredictionEvent], None]
) -> None:
    await arena.open()
    plays = [arena.draw(EVEN, SAME) for _ in range(4)]
    for one in plays[:3]:
        spoil(one.event)
    await settle(arena, plays)
    assert await count(arena) == 1


async def test_what_comes_after_its_minute_was_folded_is_told_and_not_folded(arena: Arena) -> None:
    await arena.open()
    at = arena.setting.now()
    await settle(arena, [arena.draw(EVEN, SAME) for _ in range(10)])
    await settle(arena, [arena.draw(EVEN, SAME, at=at) for _ in range(3)])
    found = await arena.experiment()
    assert sum(arm.decisions for arm in found.arms) == 10
    assert sum(arm.late for arm in found.arms) == 3
    assert any("came after their minute was folded" in one for one in found.warnings)


async def test_another_metric_begins_anew_and_other_weights_go_on(arena: Arena) -> None:
    def reweigh(router: Router) -> None:
        router.variants[0].weight = 3

    def remeasure(router: Router) -> None:
        router.experiment.primary_metric = "error_rate"

    await arena.open()
    setting = arena.setting
    await settle(arena, [arena.draw(EVEN, SAME, entity=f"customer-{number}") for number in range(10)])
    for change, kept in ((reweigh, 10), (remeasure, 0)):
        setting.router = (await setting.routers.update(setting.router.name, change)).message
        await setting.parts.follower.reconcile()
        assert await count(arena) == kept
    await settle(arena, [arena.draw(EVEN, SAME, entity="customer-1")])
    assert await count(arena) == 1
    redis: Any = setting.connections.steady
    assert len(await redis.keys("*:units:*")) == 1, "the former epoch's entities are forgotten"


async def test_a_guardrail_that_is_breached_loses_whatever_the_primary_metric_says(arena: Arena) -> None:
    await arena.open(guarded(metric="error_rate", max_regression=0.02))  # type: ignore[arg-type]
    plays = []
    for _ in range(600):
        variant = arena.rng.choice("ab")
        failed = variant == "b" and arena.rng.random() < 0.3
        plays.append(Play(arena.decide(variant, EVEN, failed=failed), variant, None if failed else 1.0))
    await settle(arena, plays)
    found = await arena.experiment()
    assert said(found) == "LOSE"
    (guardrail,) = found.comparisons[0].guardrails
    assert guardrail.breached
    assert (guardrail.allowed, guardrail.baseline) == (0.02, 0.0)
    assert guardrail.treatment == pytest.approx(0.3, abs=0.1)
    assert "error_rate is worse" in found.reason


@pytest.mark.parametrize(("slow", "breached"), [(0.02, False), (0.25, True)])
async def test_a_quantile_of_latency_is_held_to_its_limit(arena: Arena, slow: float, breached: bool) -> None:
    await arena.open(guarded(metric="latency_p95", max_value=200))  # type: ignore[arg-type]
    plays = []
    for _ in range(400):
        variant = arena.rng.choice("ab")
        late = variant == "b" and arena.rng.random() < slow
        plays.append(Play(arena.decide(variant, EVEN, ms=500 if late else 50), variant, 1.0))
    await settle(arena, plays)
    found = await arena.experiment()
    (guardrail,) = found.comparisons[0].guardrails
    assert (guardrail.metric, guardrail.breached) == ("latency_p95", breached)
    assert guardrail.baseline == pytest.approx(0.05)
    arm = {one.variant: one for one in found.arms}["b"]
    assert arm.latency[0].quantile == 0.5
    assert arm.latency[0].low_ms <= arm.latency[0].estimate_ms <= arm.latency[0].high_ms < 60
    assert not arm.latency[2].HasField("high_ms"), "400 answers do not bound the last percent"


async def test_segments_are_told_apart_and_only_where_they_differ(arena: Arena) -> None:
    def change(router: Router) -> None:
        weighted(router)
        router.segments.add(name="tier", expression="attributes.tier")

    await arena.open(change)
    gold = [arena.draw(EVEN, {"a": 0.4, "b": 0.9}, tier="gold") for _ in range(250)]
    free = [arena.draw(EVEN, SAME, tier="free") for _ in range(250)]
    await settle(arena, [*gold, *free])
    found = {one.segment: one for one in (await arena.experiment()).segments}
    assert {name: one.observations for name, one in found.items()} == {"tier=gold": 250, "tier=free": 250}
    assert found["tier=gold"].decision == rpc.EXPERIMENT_DECISION_WIN
    assert found["tier=free"].decision == rpc.EXPERIMENT_DECISION_CONTINUE


async def test_an_effect_that_is_ruled_out_is_futile_and_how_long_it_takes_is_told(arena: Arena) -> None:
    await arena.open(lambda router: weighted(router, min_effect=0.2, max_samples=2000))
    await settle(arena, [arena.draw(EVEN, SAME) for _ in range(100)])
    (early,) = (await arena.experiment()).comparisons
    assert 50 < early.expected_observations < 2000
    assert early.expected_time.seconds > 0
    assert early.power > 0.9
    await settle(arena, [arena.draw(EVEN, SAME) for _ in range(900)])
    found = await arena.experiment()
    assert said(found) == "FUTILE"
    assert "an effect of 0.2 on accuracy is ruled out" in found.reason


async def test_a_metric_of_which_less_is_better_is_told_in_its_own_unit(arena: Arena) -> None:
    def change(router: Router) -> None:
        weighted(router, primary_metric="delay")
        router.metrics.add(name="delay", direction=2, source=1, min_value=10, max_value=110)

    await arena.open(change)
    plays = [arena.draw(EVEN, {"a": 0.8, "b": 0.2}) for _ in range(400)]
    await settle(arena, plays, "delay")
    found = await arena.experiment()
    assert said(found) == "WIN"
    assert found.comparisons[0].effect.estimate == pytest.approx(-60, abs=15)
    means = {arm.variant: arm.mean for arm in found.arms}
    assert means == {"a": pytest.approx(90, abs=10), "b": pytest.approx(30, abs=10)}


async def test_without_room_for_units_it_holds_and_says_why(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MOST_UNITS", 30)
    await arena.open()
    for begin in (0, 20):
        await settle(
            arena, [arena.draw(EVEN, SAME, entity=f"customer-{begin + number}") for number in range(20)]
        )
    found = await arena.experiment()
    assert said(found) == "HOLD"
    assert "no room for more" in found.reason
    assert await count(arena) == 20


async def test_a_minute_with_too_many_decisions_is_thinned_by_their_units(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observations, "MOST_A_MINUTE", 60)
    await arena.open()
    at = float(int(arena.setting.now() // 60) * 60 + 60)
    arena.pass_time(60)
    await settle(arena, [arena.draw(EVEN, SAME, at=at) for _ in range(500)])
    found = await arena.experiment()
    kept = sum(arm.decisions for arm in found.arms)
    assert 20 <= kept <= 60
    assert any(f"{500 - kept} decisions were left out" in one for one in found.warnings)
    assert not found.sample_ratio.mismatch


async def test_the_watermark_moves_on_without_traffic(arena: Arena) -> None:
    await arena.open()
    arena.pass_time(3600)
    await arena.fold()
    until = (await arena.experiment()).watermark_time
    now = Timestamp(seconds=int(arena.setting.now()))
    assert 0 < now.seconds - until.seconds < 180


async def test_the_folder_folds_by_itself(arena: Arena) -> None:
    await arena.open()
    plays = [arena.draw(EVEN, SAME) for _ in range(5)]
    await arena.log([one.event for one in plays])
    await eventually(arena.consumed)
    arena.pass_time(180)
    await arena.setting.parts.evidence.round()
    assert await count(arena) == 5


async def test_events_that_a_router_lost_are_told(arena: Arena) -> None:
    await arena.open()
    await settle(arena, [arena.draw(EVEN, SAME)])
    assert list((await arena.experiment()).warnings) == []
    batch = EventBatch(gap=Gap(events=3))
    batch.gap.first.FromSeconds(int(arena.setting.now()))
    batch.gap.last.FromSeconds(int(arena.setting.now()))
    await events.append(arena.setting.connections, arena.setting.partition, batch, "another", 1)
    await eventually(arena.consumed)
    assert "lost events in this epoch" in (await arena.experiment()).warnings[0]
