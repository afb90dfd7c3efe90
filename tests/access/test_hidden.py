"""What a caller may not see is missing, word for word; what he may see and not do is refused by name."""

import random
from typing import Any

import pytest
from google.protobuf.message import Message
from turnout.router.v1 import access_service_pb2 as access
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.model_pb2 import Permissions
from turnout.router.v1.router_pb2 import Router

from services.state.ids import new_prediction_id, partition_for
from tests.access.house import House
from tests.waiting import eventually

Asked = tuple[str, Message]


def about(router: str, model: str) -> list[Asked]:
    """Calls that name a router or a model."""
    return [
        ("RouterService/GetRouter", routers.GetRouterRequest(name=router)),
        ("RouterService/DeleteRouter", routers.DeleteRouterRequest(name=router)),
        ("RouterService/UpdateRouter", routers.UpdateRouterRequest(router=Router(name=router))),
        ("RouterService/ListPredictions", routers.ListPredictionsRequest(router=router)),
        ("RouterService/ListReplicas", routers.ListReplicasRequest(router=router)),
        ("InferenceService/Predict", inference.PredictRequest(router=router)),
        ("InferenceService/Explain", inference.ExplainRequest(router=router)),
        ("ModelService/GetModel", models.GetModelRequest(name=model)),
        ("ModelService/ProbeModel", models.ProbeModelRequest(name=model)),
        ("ModelService/SetAlias", models.SetAliasRequest(model=model, alias="x")),
    ]


@pytest.mark.parametrize(
    ("hidden", "missing"),
    list(zip(about("secret", "secret"), about("absent", "absent"), strict=True)),
    ids=lambda asked: asked[0],
)
async def test_hidden_is_said_as_missing(house: House, hidden: Asked, missing: Asked) -> None:
    await house.make("secret")
    said: list[Any] = []
    for name, (method, request) in (("secret", hidden), ("absent", missing)):
        error = await house.refusal("stranger", method, request)
        facts = {key: value.replace(name, "X") for key, value in error.facts.items()}
        said.append((error.code, error.reason, error.message.replace(name, "X"), error.fields, facts))
    assert said[0] == said[1]
    assert said[0][0] == "NOT_FOUND"


async def test_a_hidden_prediction_is_said_as_a_missing_one(house: House) -> None:
    router, _ = await house.make("secret")
    hidden = await house.log(router)
    missing = new_prediction_id(partition_for(router.uid), 1_700_000_000.0, random.Random(3))
    await house.write_record(router, hidden)
    said = []
    for prediction in (hidden, missing):
        for method, kind in (
            ("RouterService/GetPrediction", routers.GetPredictionRequest),
            ("RouterService/RecordFeedback", routers.RecordFeedbackRequest),
        ):
            error = await house.refusal("stranger", method, kind(prediction_id=prediction))
            said.append((error.code, error.reason, error.message.replace(prediction, "X")))
    assert set(said) == {
        ("NOT_FOUND", "PREDICTION_NOT_FOUND", "there is no record of prediction X, or not yet")
    }
    seen = routers.GetPredictionRequest(prediction_id=hidden)
    assert (
        await house.call("viewer", "RouterService/GetPrediction", seen)
    ).prediction.event.router_uid == router.uid


async def test_who_may_see_and_not_do_is_told_what_it_needs(house: House) -> None:
    await house.make("seen")
    error = await house.refusal("viewer", "RouterService/StopRouter", routers.StopRouterRequest(name="seen"))
    assert error.code == "PERMISSION_DENIED"
    assert error.message == "routers/seen: this needs editor, and the caller is viewer"
    assert (error.facts["needed"], error.facts["held"]) == ("editor", "viewer")


async def test_a_router_that_was_shared_a_moment_ago_is_seen(house: House) -> None:
    """Memory is milliseconds behind, and refuses nothing on its own."""
    await house.make("shared")
    request = routers.UpdatePermissionsRequest(name="shared", permissions=Permissions(viewers=["stranger"]))
    await house.call("owner", "RouterService/UpdatePermissions", request)
    found = await house.call("stranger", "RouterService/GetRouter", routers.GetRouterRequest(name="shared"))
    assert found.router.name == "routers/shared"


async def test_a_name_that_is_none_is_the_caller_s_mistake_and_tells_nothing(house: House) -> None:
    for name in ("", "No/Name", "a" * 100):
        error = await house.refusal(
            "stranger", "RouterService/GetRouter", routers.GetRouterRequest(name=name)
        )
        assert (error.code, error.fields[0].field) == ("INVALID_ARGUMENT", "name")


async def test_the_owner_takes_back_his_own_deletion_and_nobody_else_sees_it(house: House) -> None:
    await house.make("gone")
    await house.call("owner", "RouterService/DeleteRouter", routers.DeleteRouterRequest(name="gone"))
    undelete = routers.UndeleteRouterRequest(name="gone")
    assert (await house.refusal("stranger", "RouterService/UndeleteRouter", undelete)).code == "NOT_FOUND"
    assert (
        await house.refusal("editor", "RouterService/UndeleteRouter", undelete)
    ).code == "PERMISSION_DENIED"
    await house.call("owner", "RouterService/UndeleteRouter", undelete)


async def test_a_pin_decides_about_traffic_and_is_for_editors(house: House) -> None:
    await house.make("pinned")
    request = inference.PredictRequest(router="pinned", variant="a", input={"text": "hello"})

    async def refused(user: str) -> str:
        return (await house.refusal(user, "InferenceService/Predict", request)).reason

    # From memory alone: it may be a moment behind.
    assert await eventually(lambda: denied(refused))
    assert await refused("editor") == "ROUTER_NOT_RUNNING"
    request.variant = ""
    assert await refused("predictor") == "ROUTER_NOT_RUNNING"


async def denied(refused: Any) -> bool:
    return bool(await refused("predictor") == "PERMISSION_DENIED")


async def test_a_key_of_others_is_missing(house: House) -> None:
    request = access.RevokeApiKeyRequest(id=house.ids["owner"])
    theirs = await house.refusal("stranger", "AccessService/RevokeApiKey", request)
    absent = await house.refusal(
        "stranger", "AccessService/RevokeApiKey", access.RevokeApiKeyRequest(id="0" * 16)
    )
    assert theirs.reason == absent.reason == "API_KEY_NOT_FOUND"
    assert theirs.message.replace(house.ids["owner"], "X") == absent.message.replace("0" * 16, "X")
