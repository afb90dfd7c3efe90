"""A stranger names what is hidden from him beside what is his own: to each call the answer is the one that he
gets where there is no such thing."""

from collections.abc import Callable
from inspect import isawaitable
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from services.foundation.contract import method_of
from services.foundation.errors import RemoteError
from tests.access.attacks.conftest import Scene

ROUTER = "turnout.router.v1.RouterService"
MODEL = "turnout.router.v1.ModelService"
INFERENCE = "turnout.router.v1.InferenceService"
ENSEMBLE = "turnout.router.v1.EnsembleService"
AGGREGATOR = "turnout.aggregator.v1.AggregatorService"
FEEDBACK = "turnout.feedback.v1.FeedbackService"
DRIFT = "turnout.drift.v1.DriftService"
OPEN = "inference.GRPCInferenceService"

TRUTH = {"truth": {"label": "yes"}}
OWN: list[dict[str, Any]] = [{"model": "mine-a"}, {"model": "mine-b"}]
TEXT = {"text": "hello"}
# As long as the other: sizes are told of uploads.
MISSING = "fault"


def made_of(**more: Any) -> dict[str, Any]:
    """A router of one's own that names something else besides."""
    return {"router_id": "made", "router": {"variants": OWN, **more}, "validate_only": True}


# By what is tried: the method, and the request with {name} and {prediction} where the hidden thing goes.
ATTACKS: dict[str, tuple[str, dict[str, Any]]] = {
    "a truth by a key of another's model, beside a router of one's own": (
        f"{DRIFT}/AddGroundTruth",
        {"router": "mine", "model": "{name}", "external_id": "order-7", **TRUTH},
    ),
    "a truth by a key of another's router, beside a model of one's own": (
        f"{DRIFT}/AddGroundTruth",
        {"router": "{name}", "model": "mine-a", "external_id": "order-7", **TRUTH},
    ),
    "a truth of another's prediction": (
        f"{DRIFT}/AddGroundTruth",
        {"prediction_id": "{prediction}", **TRUTH},
    ),
    "a truth of it, beside a router of one's own": (
        f"{DRIFT}/AddGroundTruth",
        {"prediction_id": "{prediction}", "router": "mine", **TRUTH},
    ),
    "feedback on it, beside a router of one's own": (
        f"{FEEDBACK}/RecordFeedback",
        {"prediction_id": "{prediction}", "router": "mine", "reward": 1.0},
    ),
    "feedback on it by way of the router": (
        f"{ROUTER}/RecordFeedback",
        {"prediction_id": "{prediction}", "router": "mine", "reward": 1.0},
    ),
    "feedback by a key of another's router": (
        f"{FEEDBACK}/RecordFeedback",
        {"router": "{name}", "external_id": "order-7", "reward": 1.0},
    ),
    "many truths at once": (
        f"{DRIFT}/BatchAddGroundTruth",
        {
            "truths": [
                {"prediction_id": "{prediction}", **TRUTH},
                {"router": "mine", "model": "{name}", "external_id": "order-7", **TRUTH},
                {"model": "{name}", "external_id": "order-7", **TRUTH},
            ]
        },
    ),
    "a decision of another's explained as one's own": (
        f"{INFERENCE}/Explain",
        {"router": "mine", "prediction_id": "{prediction}", "input": TEXT},
    ),
    "another's prediction scored": (
        f"{ROUTER}/ScoreProposal",
        {
            "router": "mine",
            "prediction_ids": ["{prediction}"],
            "proposal": {"description": "x"},
            "update_mask": "description",
        },
    ),
    "a proposal of another's model": (
        f"{ROUTER}/ScoreProposal",
        {
            "router": "mine",
            "prediction_ids": ["{prediction}"],
            "proposal": {"variants": [*OWN, {"model": "{name}"}]},
        },
    ),
    "the same by way of feedback": (
        f"{FEEDBACK}/EvaluatePolicy",
        {"router": "mine", "proposal": {"variants": [*OWN, {"model": "{name}"}]}},
    ),
    "a comparison with another's model": (
        f"{DRIFT}/Analyze",
        {"model": "mine-a", "reference_model": "{name}"},
    ),
    "a result under a model of one's own": (f"{DRIFT}/GetResult", {"name": "models/{name}/results/1"}),
    "a baseline of another's": (f"{DRIFT}/GetBaseline", {"name": "models/{name}/baselines/1"}),
    "another's baseline for a model of one's own": (
        f"{DRIFT}/SetActiveBaseline",
        {"model": "mine-a", "baseline_id": "{name}"},
    ),
    "another's predictions by a filter": (
        f"{DRIFT}/ListPredictions",
        {"model": "mine-a", "router": "{name}"},
    ),
    "those without truth": (f"{DRIFT}/ListUnmatchedPredictions", {"model": "mine-a", "router": "{name}"}),
    "the alerts of another's model": (f"{DRIFT}/WatchAlerts", {"model": "{name}"}),
    "a variant, only to see whether it would do": (
        f"{ROUTER}/CreateRouter",
        made_of(variants=[*OWN, {"model": "{name}"}]),
    ),
    "a shadow": (
        f"{ROUTER}/CreateRouter",
        made_of(variants=[*OWN, {"id": "copy", "model": "{name}"}], mirror={"variants": ["copy"]}),
    ),
    "a fallback": (
        f"{ROUTER}/CreateRouter",
        made_of(variants=[*OWN, {"id": "second", "model": "{name}"}], fallback={"variants": ["second"]}),
    ),
    "a condition on its metrics": (
        f"{ROUTER}/CreateRouter",
        made_of(
            policies=[{"name": "p", "condition": "metrics('{name}').accuracy < 0.9", "variant": "mine-a"}]
        ),
    ),
    "a condition on its drift": (
        f"{ROUTER}/CreateRouter",
        made_of(
            policies=[{"name": "p", "condition": "drift('models/{name}') == 'alert'", "variant": "mine-a"}]
        ),
    ),
    "a judge": (
        f"{ROUTER}/CreateRouter",
        made_of(
            ensemble={
                "judge": {"check": {"verifier": {"helper": {"model": "{name}"}, "accept_labels": ["a"]}}}
            }
        ),
    ),
    "a variant added, only to see": (
        f"{ROUTER}/AddVariant",
        {"name": "mine", "variant": {"model": "{name}"}, "validate_only": True},
    ),
    "a router updated, only to see": (
        f"{ROUTER}/UpdateRouter",
        {
            "router": {"name": "mine", "variants": [*OWN, {"model": "{name}"}]},
            "update_mask": "variants",
            "validate_only": True,
        },
    ),
    "an ensemble": (
        f"{ENSEMBLE}/CreateEnsemble",
        {"name": "made", "models": [{"model_id": "mine-a"}, {"model_id": "{name}"}], "strategy": "weighted"},
    ),
    "predictions in a batch": (
        f"{INFERENCE}/BatchPredict",
        {
            "requests": [
                {"router": "{name}", "input": TEXT},
                {"router": "{name}", "input": TEXT, "variant": "a"},
            ]
        },
    ),
    "a plan with another's model": (
        f"{AGGREGATOR}/Infer",
        {
            "router": "mine",
            "input": TEXT,
            "plan": {"members": [{"model": "mine-a"}, {"model": "{name}"}]},
        },
    ),
    "divergence of another's": (f"{AGGREGATOR}/GetDivergence", {"router": "{name}"}),
    "what was changed": (f"{ROUTER}/ListAuditEvents", {"resource": "routers/{name}"}),
    "who serves it": (f"{ROUTER}/ListReplicas", {"router": "{name}"}),
    "routers of its model": (f"{ROUTER}/ListRouters", {"model": "{name}"}),
    "a router in the Open Inference Protocol": (f"{OPEN}/ModelMetadata", {"name": "{name}"}),
    "whether it is ready": (f"{OPEN}/ModelReady", {"name": "{name}"}),
    "its numbers": (f"{OPEN}/ModelStatistics", {"name": "{name}"}),
    "its answer": (f"{OPEN}/ModelInfer", {"model_name": "{name}"}),
    "feedback in an import": (
        f"{FEEDBACK}/ImportFeedback",
        {
            "items": [
                {"prediction_id": "{prediction}", "reward": 1.0},
                {"router": "{name}", "external_id": "order-7", "reward": 1.0},
                {"prediction_id": "{prediction}", "router": "mine", "reward": 1.0},
            ]
        },
    ),
    "truths in a file": (
        f"{DRIFT}/UploadGroundTruth",
        {"text": "external_id,model,label\norder-7,{name},no\n"},
    ),
    "truths in a file about a router": (
        f"{DRIFT}/UploadGroundTruth",
        {"text": "external_id,router,label\norder-7,{name},no\n"},
    ),
    "predictions logged in a stream": (
        f"{DRIFT}/LogPredictions",
        {"predictions": [{"model": "{name}", "label": "yes"}]},
    ),
    "a baseline in a file": (f"{DRIFT}/UploadBaseline", {"header": {"model": "{name}"}}),
    "predictions in a stream": (
        f"{INFERENCE}/PredictStream",
        {"tag": "1", "request": {"router": "{name}", "input": TEXT}},
    ),
    "an alias of its family": (f"{MODEL}/SetAlias", {"model": "{name}", "alias": "champion"}),
}


def told(value: Any, name: str, prediction: str) -> Any:
    """A request, or a part of it, with what is asked for in its place."""
    if isinstance(value, dict):
        return {key: told(one, name, prediction) for key, one in value.items()}
    if isinstance(value, list):
        return [told(one, name, prediction) for one in value]
    return (
        value.replace("{name}", name).replace("{prediction}", prediction) if isinstance(value, str) else value
    )


async def answer(scene: Scene, method: str, request: dict[str, Any]) -> Any:
    """What the stranger hears: a reply, or code, reason, message, fields and facts of a refusal."""
    house = scene.house
    service, _, name = method.partition("/")
    described = method_of(service, name)
    asked = ParseDict(request, described.request())
    client = house.client(service if service.startswith("turnout") else ROUTER)
    shapes: dict[tuple[bool, bool], Callable[..., Any]] = {
        (False, False): client.unary,
        (True, False): client.upload,
        (False, True): client.stream,
        (True, True): client.exchange,
    }
    send = shapes[described.client_streaming, described.server_streaming](service, name)
    given = [asked] if described.client_streaming else asked
    made = send(given, timeout=15, metadata=house.headers("stranger"))
    try:
        if isawaitable(made):
            heard = MessageToDict(await made)
            # What is stamped with the moment is no news.
            for stamped in ("proposal", "uploadId"):
                heard.pop(stamped, None)
            return heard
        first = await anext(made, None)
        await made.aclose()
        return MessageToDict(first) if first is not None else None
    except RemoteError as error:
        return error.code, error.reason, error.message, str(error.fields), str(error.facts)


def plain(said: Any, *names: str) -> str:
    text = str(said)
    for name in names:
        text = text.replace(name, "X")
    return text


@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_is_hidden_is_answered_as_what_is_not_there(scene: Scene, attack: str) -> None:
    method, request = ATTACKS[attack]
    hidden = await answer(scene, method, told(request, "vault", scene.prediction))
    missing = await answer(scene, method, told(request, MISSING, scene.absent))
    assert plain(hidden, "vault", scene.prediction) == plain(missing, MISSING, scene.absent)
    assert "of the owner alone" not in str(hidden)
