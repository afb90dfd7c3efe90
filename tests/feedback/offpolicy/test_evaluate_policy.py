"""EvaluatePolicy over real channels: feedback reads what was logged, a real router says what the proposal
would have drawn with."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.feedback.v1 import evaluation_pb2 as wire
from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import RemoteError
from services.state import ids
from services.state.connection import Connections
from tests.feedback import recorded
from tests.feedback.conftest import SERVICE, Setting, opened
from tests.router.conftest import running_router

# What an arm earns: of a request with x above 0, and of another.
RATES = {"a": (0.3, 0.7), "b": (0.6, 0.2)}
LOGGED = {"a": 0.75, "b": 0.25}
RULED = {"rules": [{"condition": "features['x'] > 0", "model": "b"}], "default_model": "a"}
AGE = 120.0


class Trial(Setting):
    """A weighted router whose log and rewards are written here, beside a router process that scores."""

    async def begin(self, change: Callable[[Router], None] = lambda _: None) -> None:
        def weighted(router: Router) -> None:
            router.ClearField("bandit")
            router.weighted.SetInParent()
            for variant in router.variants:
                variant.weight = 100 * LOGGED[variant.id]
            change(router)

        await self.create(weighted)

    def drawn(self, number: int, variant: str, x: float | None = None, entity: str = "") -> PredictionEvent:
        """A draw of a variant some seconds ago, of a request with a feature x."""
        id_ = recorded.prediction_id(number, time.time() - AGE, self.partition)
        made = recorded.event(id_, variant, uid=self.router.uid)
        decision = made.manifest.decision
        for name, share in LOGGED.items():
            decision.candidates.add(variant=name, model=f"models/{name}", probability=share, eligible=True)
        decision.propensity = LOGGED[variant]
        decision.time.FromNanoseconds(int(ids.time_of(id_) * 1e9))
        made.entity_id = entity
        if x is not None:
            made.features.numeric_features["x"] = x
        return made

    async def log_traffic(self, n: int, seed: int = 1) -> None:
        """n draws with their rewards."""
        chance = np.random.default_rng(seed)
        drawn, rewards = [], {}
        for number in range(n):
            variant, x = ("a", "b")[int(chance.random() < LOGGED["b"])], float(chance.normal())
            event = self.drawn(number, variant, x)
            drawn.append(event)
            rewards[event.manifest.prediction_id] = float(chance.random() < RATES[variant][int(x <= 0)])
        await self.record(*drawn)
        await self.reward(rewards)

    async def reward(self, rewards: Mapping[str, float]) -> None:
        """Import them: a call for each would be most of what these tests cost."""
        items = [rpc.RecordFeedbackRequest(prediction_id=id_, reward=given) for id_, given in rewards.items()]

        async def stream() -> AsyncIterator[rpc.ImportFeedbackRequest]:
            for at in range(0, len(items), 100):
                yield rpc.ImportFeedbackRequest(items=items[at : at + 100])

        reply = await self.client.upload(SERVICE, "ImportFeedback")(stream(), timeout=30)
        assert dict(reply.counts) == {"ACCEPTED": len(items)}

    async def evaluate(self, **asked: Any) -> wire.EvaluatePolicyResponse:
        """The answer to a proposal."""
        request = wire.EvaluatePolicyRequest(router=self.router.name, **asked)
        reply: wire.EvaluatePolicyResponse = await self.ask("EvaluatePolicy", request)
        return reply

    async def refused(self, **asked: Any) -> RemoteError:
        with pytest.raises(RemoteError) as caught:
            await self.evaluate(**asked)
        return caught.value


@pytest.fixture
async def trial(connections: Connections, redis_url: str, tmp_path: Path) -> AsyncIterator[Trial]:
    async with running_router(redis_url, tmp_path) as desk:
        made = Trial(connections, desk.address)
        await made.begin()
        async with opened(made):
            yield made


def weights(a: float, b: float) -> Router:
    return Router(
        variants=[
            {"id": "a", "model": "models/a", "weight": a},
            {"id": "b", "model": "models/b", "weight": b},
        ]
    )


async def test_other_weights_and_a_rule_are_worth_what_they_would_earn(trial: Trial) -> None:
    await trial.log_traffic(1200)
    mixed = await trial.evaluate(proposal=weights(20, 80))
    # Half of the requests have x above 0.
    assert mixed.interval.low < 0.2 * 0.5 + 0.8 * 0.4 < mixed.interval.high
    assert mixed.logged_interval.low < 0.75 * 0.5 + 0.25 * 0.4 < mixed.logged_interval.high
    ruled = await trial.evaluate(proposal=Router(feature_based=RULED))
    assert ruled.interval.low < 0.5 * 0.6 + 0.5 * 0.7 < ruled.interval.high
    assert ruled.difference_interval.low > 0, "the rule is known to be better"
    assert ruled.difference == pytest.approx(ruled.value - ruled.logged_value)
    assert (mixed.observations, mixed.units, mixed.predictions) == (1200, 1200, 1200)
    assert mixed.max_weight == pytest.approx(0.8 / 0.25)
    assert mixed.effective_sample_size == pytest.approx(mixed.effective_units)
    assert mixed.estimates[0].estimator == "doubly_robust"
    assert mixed.estimates[0].value == mixed.value
    arms = {arm.variant: arm for arm in mixed.arms}
    assert arms["b"].logged_share == pytest.approx(0.25)
    assert arms["b"].proposed_share == pytest.approx(0.8)
    assert arms["a"].observations + arms["b"].observations == 1200


async def test_the_configuration_that_is_served_is_worth_what_it_earned(trial: Trial) -> None:
    await trial.log_traffic(300)
    same = await trial.evaluate(proposal=weights(75, 25))
    assert same.effective_sample_size == pytest.approx(300)
    for one in same.estimates:
        exact = one.estimator in ("ips", "snips", "clipped_ips")
        assert one.value == pytest.approx(same.logged_value, abs=1e-9 if exact else 0.02)


async def test_what_was_never_tried_is_refused_with_its_share(trial: Trial) -> None:
    await trial.log_traffic(150)
    proposal = Router(
        weighted={}, variants=[*weights(50, 25).variants, {"id": "c", "model": "a", "weight": 25}]
    )
    error = await trial.refused(proposal=proposal)
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "NO_SUPPORT")
    assert "0.25 to c" in error.message


async def test_too_small_an_effective_sample_is_refused_with_its_size(trial: Trial) -> None:
    await trial.log_traffic(120)
    error = await trial.refused(proposal=weights(1, 99))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "NO_SUPPORT")
    assert "effective sample size is" in error.message
    assert "120 observations" in error.message


async def test_nothing_rewarded_is_refused(trial: Trial) -> None:
    error = await trial.refused(proposal=weights(50, 50))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "NO_SUPPORT")


async def test_what_was_not_drawn_is_left_out_and_counted(trial: Trial) -> None:
    await trial.log_traffic(200)
    pinned, held = trial.drawn(1000, "a"), trial.drawn(1001, "b")
    pinned.manifest.decision.mode = manifest.DECISION_MODE_PINNED
    held.manifest.decision.held = True
    await trial.record(pinned, held, trial.drawn(1002, "a"))
    reply = await trial.evaluate(proposal=weights(50, 50))
    assert reply.observations == 200
    assert sorted(reply.left_out.values()) == [1, 1, 1]
    assert {arm.variant: arm.unrewarded for arm in reply.arms} == {"a": 1, "b": 0}


async def test_a_sticky_entity_counts_once_with_its_first_reward(trial: Trial) -> None:
    """A hundred units with three draws each: what is estimated is of a hundred."""
    events = []
    for number in range(300):
        event = trial.drawn(number, "a" if number % 4 else "b")
        event.manifest.decision.draw = manifest.DRAW_SOURCE_RENDEZVOUS
        event.manifest.decision.salt, event.manifest.decision.unit_hash = "salt", f"{number % 100:016x}"
        events.append(event)
    await trial.record(*events)
    # The first draw of unit 7 has no reward; its second one speaks for it.
    earned = {number: float(number < 100 or number == 107) for number in range(300) if number != 7}
    await trial.reward({events[number].manifest.prediction_id: earned[number] for number in earned})
    reply = await trial.evaluate(proposal=weights(75, 25))
    assert (reply.observations, reply.units) == (100, 100)
    assert reply.logged_value == 1.0
    assert sum(reply.left_out.values()) == 200


async def test_entities_that_are_not_sticky_keep_their_draws_and_are_one_unit_each(trial: Trial) -> None:
    events = [
        trial.drawn(number, "a" if number % 4 else "b", entity=f"e{number % 150}") for number in range(450)
    ]
    await trial.record(*events)
    await trial.reward({one.manifest.prediction_id: float(at % 3 == 0) for at, one in enumerate(events)})
    reply = await trial.evaluate(proposal=weights(75, 25))
    assert (reply.observations, reply.units) == (450, 150)


async def test_a_failed_draw_earned_the_reward_of_failures(trial: Trial) -> None:
    await trial.log_traffic(200)
    before = await trial.evaluate(proposal=weights(50, 50))
    failed = trial.drawn(900, "a")
    failed.error_code = "UNAVAILABLE"
    failed.manifest.participants[0].outcome = manifest.OUTCOME_FAILED
    await trial.record(failed)
    reply = await trial.evaluate(proposal=weights(50, 50))
    assert reply.observations == 201
    assert reply.logged_value == pytest.approx(before.logged_value * 200 / 201)


async def test_what_is_young_waits_for_its_label(trial: Trial) -> None:
    await trial.log_traffic(150)
    error = await trial.refused(proposal=weights(50, 50), label_horizon=Duration(seconds=1000))
    assert error.reason == "NO_SUPPORT"
    reply = await trial.evaluate(proposal=weights(75, 25), label_horizon=Duration(seconds=10))
    assert reply.label_horizon.seconds == 10


async def test_the_newest_are_read_where_there_are_more(trial: Trial) -> None:
    await trial.log_traffic(400)
    reply = await trial.evaluate(proposal=weights(75, 25), max_predictions=300)
    assert reply.predictions == 300
    assert any("only the newest 300" in one for one in reply.warnings)


async def test_rewards_that_are_missing_of_one_arm_are_told(trial: Trial) -> None:
    await trial.log_traffic(300)
    await trial.record(*(trial.drawn(number, "b") for number in range(2000, 2060)))
    reply = await trial.evaluate(proposal=weights(50, 50))
    assert any("missing more often" in one for one in reply.warnings)


async def test_a_proposal_that_nobody_knows_of_most_requests_is_refused(trial: Trial) -> None:
    events = [trial.drawn(number, "a" if number % 4 else "b") for number in range(200)]
    await trial.record(*events)
    await trial.reward({event.manifest.prediction_id: 1.0 for event in events})
    error = await trial.refused(proposal=Router(feature_based=RULED))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "NO_SUPPORT")
    assert "100.0% of the predictions" in error.message


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no proposal": ({}, "proposal"),
    "an unknown metric": ({"metric": "joy"}, "metric"),
    "a confidence of 1": ({"confidence": 1.0}, "confidence"),
    "a confidence that is no number": ({"confidence": float("nan")}, "confidence"),
    "a clip below 1": ({"clip": 0.5}, "clip"),
    "an infinite clip": ({"clip": float("inf")}, "clip"),
    "no predictions": ({"max_predictions": 0}, "max_predictions"),
    "too many predictions": ({"max_predictions": 100_001}, "max_predictions"),
    "a negative horizon": ({"label_horizon": Duration(seconds=-1)}, "label_horizon"),
    "times that run backwards": (
        {"start_time": Timestamp(seconds=2_000_000), "end_time": Timestamp(seconds=1_000_000)},
        "start_time",
    ),
    "a mask that leads nowhere": ({"update_mask": FieldMask(paths=["joy"])}, "update_mask"),
}


@pytest.mark.parametrize(("given", "field"), BAD.values(), ids=BAD)
async def test_bad_questions_name_their_field(trial: Trial, given: dict[str, Any], field: str) -> None:
    if field == "update_mask":
        await trial.log_traffic(1)
    asked = given if not given else {"proposal": weights(50, 50), **given}
    error = await trial.refused(**asked)
    assert error.code == "INVALID_ARGUMENT"
    assert field in [one.field for one in error.fields]


async def test_an_unknown_router_is_not_found(trial: Trial) -> None:
    with pytest.raises(RemoteError) as caught:
        await trial.ask("EvaluatePolicy", wire.EvaluatePolicyRequest(router="nobody", proposal=weights(1, 1)))
    assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "ROUTER_NOT_FOUND")


async def test_a_strategy_without_probabilities_is_refused_in_the_routers_words(trial: Trial) -> None:
    await trial.log_traffic(1)
    error = await trial.refused(proposal=Router(least_loaded={}))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "NO_PROPENSITY")
