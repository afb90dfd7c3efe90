"""Decisions as callers see them: rules, strategies, stickiness and explanations on a running router."""

from collections.abc import Callable
from typing import Any

import pytest
from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers

from services.foundation.errors import RemoteError
from services.state import formats, metric_keys, pin_keys
from services.state.connection import Connections
from services.state.ids import partition_for
from tests.router.conftest import BAYES, Desk, doctors
from tests.waiting import eventually

A, B = "cancer-bayes", "cancer-stump"
LARGE = "features['mean radius'] > 20.0"


async def decided(desk: Desk, row: dict[str, Any] | None = None, **how: Any) -> manifest.Decision:
    reply = await desk.predict("cancer", row, **how)
    decision: manifest.Decision = reply.manifest.decision
    assert decision.variant == reply.manifest.participants[0].variant
    return decision


async def explained(desk: Desk, **how: Any) -> rpc.ExplainResponse:
    request = rpc.ExplainRequest(router="cancer", **how)
    reply: rpc.ExplainResponse = await desk.call("InferenceService/Explain", request)
    return reply


async def test_a_policy_goes_before_the_strategy_and_a_pin_before_both(desk: Desk) -> None:
    policy = {"name": "large", "condition": LARGE, "variant": B}
    await desk.deploy(
        "cancer",
        doctors(canary={"baseline_model": A, "canary_model": B, "canary_percentage": 0}, policies=[policy]),
    )
    told = await decided(desk, {**BAYES, "mean radius": 25.0})
    assert (told.mode, told.policy, told.variant) == (manifest.DECISION_MODE_POLICY, "large", B)
    assert (told.propensity, told.explanation) == (1.0, "policy large: cancer-stump answers")
    told = await decided(desk)
    assert (told.mode, told.policy, told.variant) == (manifest.DECISION_MODE_STRATEGY, "", A)
    told = await decided(desk, {**BAYES, "mean radius": 25.0}, variant=A)
    assert (told.mode, told.variant) == (manifest.DECISION_MODE_PINNED, A)


async def test_policies_are_asked_by_priority_and_a_rule_in_error_does_not_match(desk: Desk) -> None:
    policies = [
        {"name": "late", "condition": "true", "variant": A, "priority": 2},
        {"name": "broken", "condition": "attributes['n'] == 'x'", "variant": A, "priority": 1},
        {"name": "first", "condition": "attributes['tier'] == 'gold'", "variant": B, "priority": 1},
    ]
    await desk.deploy("cancer", doctors(policies=policies))
    told = await decided(desk, attributes={"tier": "gold"})
    assert (told.policy, told.variant, list(told.rule_errors)) == ("first", B, ["broken"])
    told = await decided(desk, attributes={"tier": "silver", "n": "y"})
    assert (told.policy, told.variant, list(told.rule_errors)) == ("late", A, [])
    labels = {"router": "routers/cancer", "rule": "broken"}
    assert desk.metrics.registry.get_sample_value("turnout_rule_errors_total", labels) == 1


ACTIONS: list[tuple[dict[str, Any], Callable[[manifest.Decision], bool]]] = [
    ({"subset": {"variants": [B]}}, lambda told: told.candidates[0].reason == "not in the policy's subset"),
    ({"strategy": {"round_robin": {}}}, lambda told: told.draw == manifest.DRAW_SOURCE_COUNTER),
    ({"strategy": {"random": {}, "variants": [B]}}, lambda told: told.variant == B),
    ({"strategy": {"least_loaded": {}}}, lambda told: [one.score for one in told.candidates] == [0, 0]),
    (
        {"strategy": {"best_metric": {}}},
        lambda told: told.candidates[0].reason == "its accuracy is not measured",
    ),
]


@pytest.mark.parametrize(("action", "holds"), ACTIONS)
async def test_a_policy_leads_to_a_subset_or_a_strategy(
    desk: Desk, action: dict[str, Any], holds: Callable[[manifest.Decision], bool]
) -> None:
    await desk.deploy("cancer", doctors(policies=[{"name": "p", "condition": "true", **action}]))
    told = await decided(desk)
    assert (told.mode, told.policy) == (manifest.DECISION_MODE_POLICY, "p")
    assert holds(told), told


async def test_feature_rules_choose_models_and_the_default_answers_the_rest(desk: Desk) -> None:
    rules = [{"condition": LARGE, "model": B}]
    await desk.deploy("cancer", doctors(feature_based={"rules": rules, "default_model": f"models/{A}"}))
    told = await decided(desk, {**BAYES, "mean radius": 25.0})
    assert (told.mode, told.strategy, told.variant) == (manifest.DECISION_MODE_STRATEGY, "feature_based", B)
    assert (told.policy, told.explanation) == ("rules[0]", "rules[0] matches: cancer-stump answers")
    told = await decided(desk)
    assert (told.mode, told.variant) == (manifest.DECISION_MODE_DEFAULT, A)
    assert told.explanation == "no rule matches: cancer-bayes answers"


async def test_the_default_model_answers_where_nobody_is_measured(desk: Desk) -> None:
    await desk.deploy("cancer", doctors(best_metric={}, default_model=B))
    told = await decided(desk)
    assert (told.mode, told.variant, told.propensity) == (manifest.DECISION_MODE_DEFAULT, B, 1.0)
    assert "by default: best_metric has nobody" in told.explanation


async def test_the_default_model_answers_where_a_policys_strategy_finds_nobody_good_enough(
    desk: Desk, connections: Connections
) -> None:
    best = {"best_metric": {"min_value": 0.9}}
    policy = {"name": "best", "condition": "features['mean radius'] < 20", "strategy": best}
    await desk.deploy("cancer", doctors(default_model=B, policies=[policy]))
    told = await decided(desk)
    assert (told.mode, told.policy, told.variant) == (manifest.DECISION_MODE_DEFAULT, "best", B)
    await measure(desk, connections, {A: 0.95, B: 0.99})

    async def chosen(mode: manifest.DecisionMode) -> manifest.Decision | None:
        told = await decided(desk)
        return told if told.mode == mode and any(one.score for one in told.candidates) else None

    assert await eventually(lambda: chosen(manifest.DECISION_MODE_POLICY))
    await measure(desk, connections, {A: 0.85, B: 0.8})
    found = await eventually(lambda: chosen(manifest.DECISION_MODE_DEFAULT))
    assert found is not None
    assert (found.policy, found.variant, found.propensity) == ("best", B, 1.0)
    lacks = "best_metric has nobody who is well and measured within its bounds"
    assert found.explanation == f"policy best: {B} answers by default: {lacks}"
    assert found.candidates[0].reason == "its accuracy is 0.85, at least 0.9 is wanted"
    # Elsewhere the weights decide: the default model is no more than one of two.
    large = {**BAYES, "mean radius": 25.0}
    assert (await decided(desk, large)).mode == manifest.DECISION_MODE_STRATEGY


async def test_so_it_does_where_nobody_is_measured(desk: Desk) -> None:
    cheap = {"name": "cheap", "condition": "true", "strategy": {"cost_aware": {"min_quality": 0.9}}}
    await desk.deploy("cancer", doctors(default_model=B, policies=[cheap], round_robin={}))
    told = await decided(desk)
    assert (told.mode, told.policy, told.variant) == (manifest.DECISION_MODE_DEFAULT, "cheap", B)


async def test_who_costs_nobody_knows_what_is_told_also_what_else_he_lacks(
    desk: Desk, connections: Connections
) -> None:
    for name in (A, B):
        free = models.UpdateModelRequest(model={"name": name}, update_mask={"paths": ["cost"]})
        await desk.call("ModelService/UpdateModel", free)
    await desk.deploy("cancer", doctors(cost_aware={"min_quality": 0.9}))
    await measure(desk, connections, {A: 0.5, B: 0.95}, cost=None)

    async def weighed() -> list[str] | None:
        told = await decided(desk)
        return [one.reason for one in told.candidates] if told.propensity == 1 else None

    assert await eventually(weighed) == [
        "its accuracy is 0.5, at least 0.9 is wanted and its cost is not known",
        "its cost is not known",
    ]


async def measure(
    desk: Desk, connections: Connections, accuracies: dict[str, float], cost: float | None = 1.0
) -> None:
    """Publish accuracies as feedback would, on many labels, and the cost of a call."""
    redis, key = connections.steady, metric_keys.model_metrics()
    version = int(await redis.hget(key, "version") or 0) + 1
    fields: dict[Any, Any] = {"format": formats.MODEL_METRICS, "version": version}
    for name, accuracy in accuracies.items():
        found = await desk.call("ModelService/GetModel", models.GetModelRequest(name=name))
        made = ModelMetrics(format=formats.MODEL_METRICS, version=version, model=f"models/{name}")
        made.model_uid, made.accuracy, made.labels = found.model.uid, accuracy, 500
        if cost is not None:
            made.cost = cost
        fields[found.model.uid] = made.SerializeToString()
    await redis.hset(key, mapping=fields)
    await redis.publish(metric_keys.model_metrics_channel(), version)


async def test_a_policy_whose_variant_is_disabled_is_passed_over_and_explanations_say_so(desk: Desk) -> None:
    await desk.seat("cancer-boosting")
    given = doctors(policies=[{"name": "p", "condition": "true", "variant": "cancer-boosting"}])
    given.variants.add(model="cancer-boosting", enabled=False)
    await desk.deploy("cancer", given)
    told = await decided(desk)
    assert (told.mode, list(told.rule_errors)) == (manifest.DECISION_MODE_STRATEGY, [])
    assert told.explanation.endswith("; p holds and is passed over, as nobody whom it names may be chosen")
    labels = {"router": "routers/cancer", "rule": "p"}
    assert desk.metrics.registry.get_sample_value("turnout_rules_passed_over_total", labels) == 1
    assert "p holds and is passed over" in (await explained(desk)).decision.explanation
    assert list((await explained(desk)).warnings) == ["p is passed over: nobody whom it names may be chosen"]


async def test_an_entity_stays_with_its_variant_and_the_rest_is_drawn(desk: Desk) -> None:
    stored = await desk.deploy("cancer", doctors(stickiness={"enabled": True}))
    first = await decided(desk, entity_id="ann")
    assert (first.draw, first.salt) == (manifest.DRAW_SOURCE_RENDEZVOUS, stored.uid)
    assert (first.propensity, len(first.unit_hash)) == (0.5, 16)
    assert {(await decided(desk, entity_id="ann")).variant for _ in range(5)} == {first.variant}
    assert (await explained(desk, entity_id="ann")).decision.variant == first.variant
    assert {(await decided(desk, entity_id=f"e{n}")).variant for n in range(30)} == {A, B}
    assert (await decided(desk)).draw == manifest.DRAW_SOURCE_GENERATOR


async def test_a_draw_that_nothing_is_drawn_with_is_refused(desk: Desk) -> None:
    await desk.deploy("cancer", doctors(stickiness={"enabled": True}))
    assert (await explained(desk, u=0.9)).decision.variant == B
    for how, said in (
        ({"entity_id": "ann"}, "leave it out, or entity_id: routers/cancer is sticky"),
        ({"variant": A}, "nothing is drawn where a variant is pinned"),
        ({"prediction_id": "x"}, "a past prediction is explained with its own draw"),
    ):
        with pytest.raises(RemoteError, match=said) as refused:
            await explained(desk, u=0.9, **how)
        assert [name for name, _ in refused.value.fields] == ["u"]


async def weigh(desk: Desk, **weights: float) -> None:
    request = routers.SetWeightsRequest(name="cancer")
    for variant, weight in weights.items():
        request.weights[variant.replace("_", "-")] = weight
    await taken_in(desk, await desk.call("RouterService/SetWeights", request))


async def taken_in(desk: Desk, written: Any) -> None:
    """Wait until the change that was written decides."""

    async def decides() -> bool:
        there: bool = (await explained(desk)).generation == written.router.generation
        return there

    await eventually(decides)


async def test_a_pinned_entity_keeps_its_variant_although_the_weights_change(desk: Desk) -> None:
    given = doctors(stickiness={"enabled": True, "pin": True})
    given.variants[0].weight, given.variants[1].weight = 100, 0.0001
    await desk.deploy("cancer", given)
    assert (await decided(desk, entity_id="ann")).variant == A
    await weigh(desk, cancer_bayes=0.0001, cancer_stump=100)
    told = await decided(desk, entity_id="ann")
    assert (told.variant, told.displaced) == (A, B)
    assert told.propensity == pytest.approx(1 - 1e-6)
    assert (await decided(desk, entity_id="bob")).variant == B


async def test_a_pin_moves_when_its_variant_is_disabled_and_waits_when_it_has_no_share(
    desk: Desk, connections: Connections
) -> None:
    await desk.seat("cancer-boosting")
    given = doctors(stickiness={"enabled": True, "pin": True})
    given.variants[0].weight, given.variants[1].weight = 100, 0.0
    given.variants.add(model="cancer-boosting", weight=0.0)
    stored = await desk.deploy("cancer", given)
    told = await decided(desk, entity_id="ann")
    key = pin_keys.pin(partition_for(stored.uid), stored.uid, told.unit_hash)

    async def pinned(said: str) -> bool:
        # A prediction does not wait for it longer than it may.
        return bool(await connections.steady.get(key) == said.encode())

    assert told.variant == A
    await eventually(lambda: pinned(f"{A} 1.0"))
    await weigh(desk, cancer_bayes=0, cancer_stump=100)
    assert (await decided(desk, entity_id="ann")).variant == B
    assert await pinned(f"{A} 1.0")
    toggle = routers.ToggleVariantRequest(name="cancer", variant=A, enabled=False)
    await taken_in(desk, await desk.call("RouterService/ToggleVariant", toggle))
    assert (await decided(desk, entity_id="ann")).variant == B
    await eventually(lambda: pinned(f"{B} 1.0"))


async def test_a_past_prediction_is_explained_at_todays_generation_and_at_its_own(desk: Desk) -> None:
    given = doctors()
    given.variants[0].weight, given.variants[1].weight = 100, 0
    await desk.deploy("cancer", given)
    reply = await desk.predict("cancer")
    await weigh(desk, cancer_bayes=0, cancer_stump=100)
    with pytest.raises(RemoteError, match="no record"):
        # Drift, which writes the records, does not run here.
        await explained(desk, prediction_id=reply.prediction_id)
    now, then = await explained(desk, u=0.5), await explained(desk, u=0.5, generation=1)
    assert (now.generation, now.decision.variant) == (2, B)
    assert (then.generation, then.decision.variant) == (1, A)
    with pytest.raises(RemoteError) as unknown:
        await explained(desk, generation=9)
    assert unknown.value.reason == "GENERATION_NOT_FOUND"
