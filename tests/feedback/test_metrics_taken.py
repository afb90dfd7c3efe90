"""Metrics of routers over a real channel: derived from truth and records, and what cannot be taken."""

from typing import Any

import pytest
from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth
from turnout.router.v1 import router_pb2 as wire
from turnout.router.v1.router_service_pb2 import AuditEvent

from services.foundation.errors import RemoteError
from services.state import keys
from services.state.claims import UNITS, Learner
from services.state.rewards import RewardStore
from tests.feedback.conftest import Setting
from tests.feedback.test_bad_input import kept, status
from tests.waiting import eventually

LESS = wire.DIRECTION_MINIMIZE


def declared(router: wire.Router) -> None:
    """A router whose metrics nobody reports, and whose reward is one of them."""
    router.name = "routers/derived"
    router.metrics.add(name="log_loss", source=wire.METRIC_SOURCE_TRUTH, max_value=5, direction=LESS)
    router.metrics.add(name="slow", source=wire.METRIC_SOURCE_LATENCY, max_value=200, direction=LESS)
    router.metrics.add(name="price", source=wire.METRIC_SOURCE_COST, max_value=2, direction=LESS)
    router.metrics.add(
        name="sure", source=wire.METRIC_SOURCE_CEL, expression="truth == answer ? probabilities[answer] : 0.0"
    )
    router.bandit.reward_metric = "log_loss"


def answered(setting: Setting, latency_ms: float, yes: float = 0.75) -> PredictionEvent:
    event = setting.event("a", "yes")
    one = event.manifest.participants[0]
    one.latency.FromMicroseconds(int(latency_ms * 1000))
    one.cost.amount, one.cost.currency = 0.5, "USD"
    for output in (event.output, event.outputs[0].output):
        output.classification.probabilities.add(label="yes", probability=yes)
        output.classification.probabilities.add(label="no", probability=1 - yes)
    return event


async def units(setting: Setting, measure: str) -> tuple[int, int] | None:
    """Rewards of arm a in a measure, and their sum in millionths."""
    states = await RewardStore(setting.connections.steady).read(
        Learner(setting.partition, setting.router.uid, measure)
    )
    return (states.arms["a"].n, states.arms["a"].sum) if states.arms else None


async def test_truth_and_records_yield_every_declared_metric(setting: Setting) -> None:
    await setting.create(declared)
    async with setting.background():
        slow, quick = answered(setting, 900.0), answered(setting, 50.0)
        await setting.record(slow, quick)
        await setting.log(slow, quick)
        for event, label in ((slow, "yes"), (quick, "no")):
            await setting.give(event.manifest.prediction_id, truth=Truth(label=label))

        async def right() -> bool:
            # 900 ms is beyond the end of the range, and counts as that end.
            assert await units(setting, "slow@0..200") == (2, UNITS + UNITS // 4)
            assert await units(setting, "price@0..2") == (2, UNITS // 2)
            assert await units(setting, "sure") == (2, 750_000)
            # -ln 0.75 = 0.2877 and -ln 0.25 = 1.3863, of five.
            assert await units(setting, "log_loss@0..5") == (2, 57_536 + 277_259)
            return True

        assert await eventually(right)
    assert (await setting.arm("a")).mean == pytest.approx((0.28768 + 1.386294) / 2, abs=1e-4)


async def refused(setting: Setting, prediction: str, **outcome: Any) -> RemoteError:
    before = await kept(setting)
    with pytest.raises(RemoteError) as caught:
        await setting.give(prediction, **outcome)
    assert await kept(setting) == before
    return caught.value


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("slow", "slow is not reported, it comes from the record of each prediction"),
        ("log_loss", "log_loss is not reported, it comes from ground truth: report the truth"),
        ("joy", "'joy' is not a metric of routers/derived, which has log_loss, price, slow, sure"),
    ],
)
async def test_what_is_derived_is_not_reported(setting: Setting, metric: str, said: str) -> None:
    await setting.create(declared)
    prediction = await setting.predict()
    wrong = await refused(setting, prediction, metric=rpc.MetricValue(name=metric, value=1.0))
    assert (wrong.code, wrong.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert said in wrong.message


async def test_a_label_that_the_models_do_not_have_is_refused(setting: Setting) -> None:
    await setting.create(declared)
    event = answered(setting, 5.0)
    await setting.record(event)
    wrong = await refused(setting, event.manifest.prediction_id, truth=Truth(label="perhaps"))
    assert (wrong.code, wrong.fields[0].field) == ("INVALID_ARGUMENT", "truth.label")
    assert "'perhaps' is none of the prediction's classes no, yes" in wrong.message


async def test_a_shadow_earns_nothing_whatever_it_answered(setting: Setting) -> None:
    event = setting.event("a", "no")
    event.manifest.participants.add(
        model="models/b",
        variant="b",
        role=manifest.PARTICIPANT_ROLE_SHADOW,
        outcome=manifest.OUTCOME_SERVED,
    )
    event.outputs.add(participant=1).output.classification.label = "yes"
    await setting.record(event)
    reply = await setting.give(event.manifest.prediction_id, reward=1.0)
    assert (status(reply), reply.variant) == ("ACCEPTED", "a")
    assert (await setting.arm("b")).rewards == 0


async def test_a_failed_prediction_keeps_the_verdict_on_it(setting: Setting) -> None:
    failed = await setting.predict("a", outcome=manifest.OUTCOME_FAILED)
    assert status(await setting.give(failed, reward=1.0)) == "SUPERSEDED"
    arm = await setting.arm("a")
    assert (arm.rewards, arm.mean) == (1, 0.0)


async def test_a_reward_for_a_router_that_is_deleted_is_not_found(setting: Setting) -> None:
    prediction = await setting.predict()
    await setting.routers.delete(setting.router.name)
    await setting.parts.follower.reconcile()
    wrong = await refused(setting, prediction, reward=1.0)
    assert (wrong.code, wrong.reason) == ("NOT_FOUND", "ROUTER_NOT_FOUND")
    assert wrong.message == "the router that made this prediction is deleted"


async def test_a_million_arms_are_256_and_said_so(setting: Setting) -> None:
    """Whoever draws among ever new variants: what is kept of a router has an end, and the rest is refused."""
    events = [setting.event(f"arm-{number}") for number in range(300)]
    await setting.record(*events)
    for event in events[:256]:
        await setting.give(event.manifest.prediction_id, reward=1.0)
    wrong = await refused(setting, events[256].manifest.prediction_id, reward=1.0)
    assert (wrong.code, wrong.reason) == ("RESOURCE_EXHAUSTED", "STORE_FULL")
    assert wrong.message == "the router had rewards for 256 different variants already"
    assert status(await setting.give(events[0].manifest.prediction_id, reward=1.0)) == "DUPLICATE"


async def test_a_reset_is_told_once_and_recorded(setting: Setting) -> None:
    prediction = await setting.predict()
    await setting.give(prediction, reward=1.0)
    request = rpc.ResetRewardsRequest(router="learner", request_id="3f0c0a30-8f39-4a55-8a9e-0d6a7a1a8a11")
    first = await setting.ask("ResetRewards", request)
    assert first.learner_generation == 1
    assert await setting.ask("ResetRewards", request) == first
    rewards = await setting.rewards()
    assert (rewards.learner_generation, [arm.rewards for arm in rewards.arms]) == (1, [0, 0])
    late = await setting.give(prediction, reward=0.0, feedback_id="late")
    assert (status(late), late.router) == ("FORGOTTEN", setting.router.name)
    *_, entry = await setting.connections.steady.xrange(keys.audit(setting.partition))
    event = AuditEvent.FromString(entry[1][b"event"])
    assert (event.resource, list(event.changed_fields)) == (setting.router.name, ["rewards"])
    assert event.method == "turnout.feedback.v1.FeedbackService/ResetRewards"
    other = rpc.ResetRewardsRequest(router="nobody")
    with pytest.raises(RemoteError) as caught:
        await setting.ask("ResetRewards", other)
    assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "ROUTER_NOT_FOUND")
