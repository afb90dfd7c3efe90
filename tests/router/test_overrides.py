"""A variant's overrides: one model, several variants; refused where the model has no such thing."""

from typing import Any

import pytest
from turnout.router.v1.inference_service_pb2 import PredictRequest
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, Model
from turnout.router.v1.router_pb2 import Router

from services.models.overriding import LONGEST_TEXT
from tests.models.chat_server import ChatServer, chat_server
from tests.router.conftest import Desk
from tests.router.resource.asking import ask, fields_of, refusal, update

CREATE = "CreateRouter"


def same(model: str, *overrides: dict[str, Any]) -> Router:
    """Variants a, b, … of one model."""
    variants = [
        {"id": chr(ord("a") + place), "model": model, "overrides": one} for place, one in enumerate(overrides)
    ]
    return Router(variants=variants)


async def chat_model(desk: Desk, server: ChatServer) -> None:
    await desk.register(
        Model(name="writer", protocol=PROTOCOL_OPENAI_CHAT, endpoints=[{"address": server.url}])
    )


async def test_variants_of_one_model_differ_in_their_thresholds(desk: Desk) -> None:
    await desk.deploy("odds", same("cancer-bayes", {"threshold": 0.0}, {"threshold": 1.0}))
    labels = [(await desk.predict("odds", variant=one)).output.classification.label for one in ("a", "b")]
    assert labels == ["malignant", "benign"]


async def test_variants_of_a_chat_model_differ_in_their_prompts(desk: Desk) -> None:
    async with chat_server() as server:
        await chat_model(desk, server)
        await desk.deploy("prose", same("writer", {"system_prompt": "Be brief."}, {"template": "Q: {input}"}))
        for one in ("a", "b"):
            request = PredictRequest(router="prose", variant=one, input={"text": "why"})
            await desk.call("InferenceService/Predict", request)
    heard = [[(one["role"], one["content"]) for one in body["messages"]] for body in server.bodies]
    assert heard == [[("system", "Be brief."), ("user", "why")], [("user", "Q: why")]]


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"system_prompt": "Be brief."}, "system_prompt"),
        ({"template": "Q: {input}"}, "template"),
        ({"sampling": {"seed": 1}}, "sampling"),
        ({"threshold": 1.01}, "threshold"),
        ({"system_prompt": "x" * (LONGEST_TEXT + 1)}, "system_prompt"),
    ],
)
async def test_what_the_model_has_not_is_refused_when_it_is_written(
    desk: Desk, overrides: dict[str, Any], field: str
) -> None:
    error = await refusal(desk, CREATE, router_id="odd", router=same("cancer-bayes", {}, overrides))
    assert error.code == "INVALID_ARGUMENT"
    assert fields_of(error) == [f"router.variants[1].overrides.{field}"]


async def test_a_threshold_on_a_chat_is_refused(desk: Desk) -> None:
    async with chat_server() as server:
        await chat_model(desk, server)
        error = await refusal(desk, CREATE, router_id="odd", router=same("writer", {"threshold": 0.5}, {}))
    assert fields_of(error) == ["router.variants[0].overrides.threshold"]


async def test_an_update_is_checked_as_well(desk: Desk) -> None:
    await desk.create("odds", same("cancer-bayes", {}, {"threshold": 1.0}))
    changed = same("cancer-bayes", {"template": "no"}, {})
    changed.name = "routers/odds"
    error = await refusal(desk, "UpdateRouter", router=changed)
    assert fields_of(error) == ["router.variants[0].overrides.template"]
    changed.variants[0].overrides.Clear()
    changed.variants[0].overrides.threshold = 0.25
    assert (await update(desk, changed, "variants")).variants[0].overrides.threshold == 0.25


async def test_a_model_that_loses_what_is_overridden_is_told_of(desk: Desk) -> None:
    await desk.create("odds", same("cancer-bayes", {}, {"threshold": 1.0}))
    given = Model(name="models/cancer-bayes")
    given.signature.outputs.label = "label"
    given.signature.features.extend(
        (await ask(desk, "ModelService/GetModel", name="cancer-bayes")).model.signature.features
    )
    answer = await ask(desk, "ModelService/UpdateModel", model=given, update_mask={"paths": ["signature"]})
    assert any("b has overrides.threshold" in one for one in answer.warnings)
