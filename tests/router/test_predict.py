"""Predictions over a real channel: answers, manifests, and what is refused."""

from collections import Counter
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import StopRouterRequest

from examples.fleet.catalog import registration
from services.foundation.errors import RemoteError
from services.state.ids import partition_for, partition_of
from tests.router.conftest import BAYES, Desk, doctors
from tests.waiting import eventually


async def test_a_prediction_says_who_answered_and_why(desk: Desk) -> None:
    deployed = await desk.deploy("cancer", doctors(weighted={}))
    reply = await desk.predict("cancer", request_id="mine", entity_id="patient-7")
    assert reply.output.classification.label in ("benign", "malignant")
    assert reply.request_id == "mine"
    told = reply.manifest
    assert told.prediction_id == reply.prediction_id
    assert partition_of(reply.prediction_id) == partition_for(deployed.uid)
    assert (told.router, told.generation) == ("routers/cancer", deployed.generation)
    assert told.decision.strategy == "weighted"
    assert told.decision.propensity == 0.5
    assert [one.probability for one in told.decision.candidates] == [0.5, 0.5]
    (participant,) = told.participants
    assert participant.outcome == manifest.OUTCOME_SERVED
    assert participant.model == told.decision.model
    assert participant.endpoint == desk.servers[participant.model.removeprefix("models/")].address
    assert participant.latency.ToNanoseconds() > 0
    assert told.total_cost == participant.cost
    assert len(told.trace_id) == 32
    assert len(participant.span_id) == 16


async def test_the_manifest_replays_to_the_same_variant(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    for _ in range(20):
        decision = (await desk.predict("routers/cancer")).manifest.decision
        request = rpc.ExplainRequest(router="cancer", u=decision.u)
        again = (await desk.call("InferenceService/Explain", request)).decision
        assert (again.variant, again.propensity) == (decision.variant, decision.propensity)


async def test_weights_are_the_probabilities_of_the_draw(desk: Desk) -> None:
    router = doctors()
    router.variants[0].weight, router.variants[1].weight = 80, 20
    await desk.deploy("cancer", router)
    seen = Counter([(await desk.predict("cancer")).manifest.decision.variant for _ in range(200)])
    # 200 draws at .8: five standard deviations are 28.
    assert abs(seen["cancer-bayes"] - 160) <= 28


async def test_round_robin_takes_turns(desk: Desk) -> None:
    await desk.deploy("cancer", doctors(round_robin={}))
    seen = [(await desk.predict("cancer")).manifest.decision.variant for _ in range(6)]
    assert seen[0] != seen[1]
    assert seen == seen[:2] * 3


async def test_a_pin_is_honoured_and_said(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    for _ in range(5):
        told = (await desk.predict("cancer", variant="cancer-stump")).manifest.decision
        assert told.variant == "cancer-stump"
        assert told.mode == manifest.DECISION_MODE_PINNED
        assert told.propensity == 1.0


async def test_the_view_of_the_manifest_is_the_callers_choice(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    none = await desk.predict("cancer", manifest_view=rpc.MANIFEST_VIEW_NONE)
    assert none.prediction_id
    assert not none.HasField("manifest")
    ids = (await desk.predict("cancer", manifest_view=rpc.MANIFEST_VIEW_IDS)).manifest
    assert ids.participants[0].model
    assert not ids.participants[0].HasField("latency")
    assert not ids.decision.candidates


async def test_decisions_and_latencies_are_counted(desk: Desk) -> None:
    await desk.deploy("cancer", doctors(round_robin={}))
    for _ in range(4):
        await desk.predict("cancer")
    registry = desk.metrics.registry
    for model in ("models/cancer-bayes", "models/cancer-stump"):
        labels = {"strategy": "round_robin", "model": model}
        assert registry.get_sample_value("ensemble_routing_decisions_total", labels) == 2
        assert registry.get_sample_value("ensemble_model_latency_ms_count", {"model": model}) == 2


async def test_a_canarys_progress_is_its_percentage(desk: Desk) -> None:
    canary = Router(canary={"baseline_model": "cancer-bayes", "canary_model": "cancer-stump"})
    await desk.deploy("trial", canary)
    told = (await desk.predict("trial")).manifest.decision
    assert {one.variant: one.probability for one in told.candidates} == pytest.approx(
        {"cancer-bayes": 0.9, "cancer-stump": 0.1}
    )
    sample = desk.metrics.registry.get_sample_value("ensemble_canary_progress", {"router": "routers/trial"})
    assert sample == 10.0


async def test_a_canary_that_stops_has_no_progress(desk: Desk) -> None:
    canary = Router(canary={"baseline_model": "cancer-bayes", "canary_model": "cancer-stump"})
    await desk.deploy("trial", canary)
    await desk.call("RouterService/StopRouter", StopRouterRequest(name="trial"))

    def gone() -> bool:
        labels = {"router": "routers/trial"}
        return desk.metrics.registry.get_sample_value("ensemble_canary_progress", labels) is None

    assert await eventually(gone)


async def test_explaining_takes_nobodys_turn(desk: Desk) -> None:
    await desk.deploy("cancer", doctors(round_robin={}))
    first = (await desk.predict("cancer")).manifest.decision.variant
    await desk.call("InferenceService/Explain", rpc.ExplainRequest(router="cancer"))
    assert (await desk.predict("cancer")).manifest.decision.variant != first


@pytest.mark.parametrize("field", ["seconds", "nanos"])
async def test_an_event_time_that_no_clock_shows_is_refused(desk: Desk, field: str) -> None:
    await desk.deploy("cancer", doctors())
    error = await refused(
        desk, "cancer", event_time=Timestamp(**{field: 2**31 - 1 if field == "nanos" else 2**62})
    )
    assert (error.code, [one.field for one in error.fields]) == ("INVALID_ARGUMENT", ["event_time"])


async def refused(desk: Desk, router: str, row: dict[str, Any] | None = None, **how: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await desk.predict(router, row, **how)
    return caught.value


async def test_an_unknown_router_is_not_found(desk: Desk) -> None:
    error = await refused(desk, "nobody")
    assert (error.code, error.reason) == ("NOT_FOUND", "ROUTER_NOT_FOUND")
    assert error.message == "there is no routers/nobody"
    assert [field.field for field in error.fields] == ["router"]


async def test_a_router_that_is_not_deployed_says_so(desk: Desk) -> None:
    await desk.create("cancer", doctors())

    async def told() -> RemoteError | None:
        # The news of its creation reaches the process that answers predictions a moment later.
        error = await refused(desk, "cancer")
        return error if error.reason != "ROUTER_NOT_FOUND" else None

    error = await eventually(told)
    assert error is not None
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "ROUTER_NOT_RUNNING")
    assert "it is registered; deploy or start it" in error.message


async def test_a_missing_column_is_named(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    error = await refused(desk, "cancer", {"mean radius": 1.0}, variant="cancer-bayes")
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INPUT_MISMATCH")
    assert [field.field for field in error.fields] == ["input.row['mean texture']"]


async def test_a_column_of_the_wrong_type_is_named(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    error = await refused(desk, "cancer", {**BAYES, "mean radius": "wide"})
    assert error.reason == "INPUT_MISMATCH"
    assert [field.field for field in error.fields] == ["input.row['mean radius']"]


async def test_nan_is_refused(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    request = rpc.PredictRequest(router="cancer")
    request.input.tabular.numeric_features.update({"mean radius": float("nan"), "mean texture": 1.0})
    with pytest.raises(RemoteError) as caught:
        await desk.call("InferenceService/Predict", request)
    assert caught.value.reason == "INPUT_MISMATCH"
    assert [f.field for f in caught.value.fields] == ["input.tabular.numeric_features['mean radius']"]


async def test_no_input_is_refused(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    with pytest.raises(RemoteError) as caught:
        await desk.call("InferenceService/Predict", rpc.PredictRequest(router="cancer"))
    assert caught.value.code == "INVALID_ARGUMENT"
    assert [field.field for field in caught.value.fields] == ["input"]


async def test_an_unknown_variant_is_named(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    error = await refused(desk, "cancer", variant="nobody")
    assert (error.code, error.reason) == ("NOT_FOUND", "VARIANT_NOT_FOUND")
    assert [field.field for field in error.fields] == ["variant"]


@pytest.mark.parametrize(("length", "fits"), [(256, True), (257, False)])
async def test_ids_have_a_longest_length(desk: Desk, length: int, fits: bool) -> None:
    await desk.deploy("cancer", doctors())
    if fits:
        assert (await desk.predict("cancer", entity_id="x" * length)).prediction_id
        return
    error = await refused(desk, "cancer", entity_id="x" * length)
    assert error.code == "INVALID_ARGUMENT"
    assert [field.field for field in error.fields] == ["entity_id"]


async def test_a_payload_over_the_limit_is_refused_and_the_next_one_served(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    request = rpc.PredictRequest(router="cancer")
    request.input.text = "x" * (5 * 1024 * 1024)
    with pytest.raises(RemoteError) as caught:
        await desk.call("InferenceService/Predict", request)
    assert (caught.value.code, caught.value.reason) == ("RESOURCE_EXHAUSTED", "TOO_LARGE")
    assert (await desk.predict("cancer")).prediction_id


async def test_a_dead_model_fails_with_the_predictions_id(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    await desk.servers["cancer-stump"].drain(grace=0)
    error = await refused(desk, "cancer", variant="cancer-stump")
    assert (error.code, error.reason) == ("UNAVAILABLE", "MODEL_FAILED")
    assert error.facts["prediction_id"] in error.message
    assert (await desk.predict("cancer", variant="cancer-bayes")).prediction_id


async def test_a_hanging_model_costs_its_timeout_and_not_more(desk: Desk) -> None:
    await desk.register(_named("impatient", desk.servers["cancer-stump"].address), patience=0.2)
    router = Router(variants=[{"model": "cancer-bayes"}, {"model": "impatient"}])
    await desk.deploy("cancer", router)
    desk.servers["cancer-stump"].faults.set("hang")
    error = await refused(desk, "cancer", variant="impatient")
    assert (error.code, error.reason) == ("DEADLINE_EXCEEDED", "MODEL_TIMED_OUT")


def _named(name: str, address: str) -> Any:
    model = registration("cancer-stump", address)
    model.name, model.served_name = f"models/{name}", "cancer-stump"
    return model
