"""A past prediction, explained by the configuration of today: what differs is said in words."""

from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from examples.demo.rows import Supply
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.stories.asking import INFERENCE, ROUTERS, SECONDS, asked, deployed, router
from tests.stories.suite import Suite
from tests.waiting import eventually

NAME = "past"


async def changed(client: Client, method: str, request: Any) -> int:
    """The generation that a change made."""
    reply = await client.unary(ROUTERS, method)(request, timeout=SECONDS)
    return int(reply.router.generation)


async def explained(client: Client, prediction: str, generation: int) -> inference.ExplainResponse:
    """Today's answer, once today is that generation, and the record is there."""
    replies: list[inference.ExplainResponse] = []

    async def there() -> bool:
        request = inference.ExplainRequest(router=NAME, prediction_id=prediction)
        try:
            replies.append(await client.unary(INFERENCE, "Explain")(request, timeout=SECONDS))
        except RemoteError as wrong:
            # Drift writes the record a moment later.
            if wrong.reason != "PREDICTION_NOT_FOUND":
                raise
            return False
        return replies[-1].generation == generation

    await eventually(there, within=30)
    return replies[-1]


async def test_what_has_changed_since_a_prediction_is_said_in_words(suite: Suite) -> None:
    client = suite.client("router")
    made = router(NAME, "digits-right", "digits-bottom", "digits-top", weighted={})
    for variant, weight in zip(made.variants, (100, 0, 0), strict=True):
        variant.weight = weight
    await deployed(client, made)
    request = asked(NAME, Supply("digits", 24).take())
    request.attributes["tier"] = "gold"
    reply = await client.unary(INFERENCE, "Predict")(request, timeout=SECONDS)
    prediction = reply.prediction_id
    again = await explained(client, prediction, 1)
    assert (again.same, list(again.differences)) == (True, [])

    weights = rpc.SetWeightsRequest(name=NAME, weights={"digits-right": 75, "digits-bottom": 25})
    told = await explained(client, prediction, await changed(client, "SetWeights", weights))
    assert list(told.differences)[:1] == ["the configuration generation was 1, now it is 2"]
    assert "digits-right had a share of 1, now 0.75" in told.differences
    assert "digits-bottom had a share of 0, now 0.25" in told.differences

    ruled = Router(name=f"routers/{NAME}")
    ruled.policies.add(name="gold", condition="attributes['tier'] == 'gold'", variant="digits-bottom")
    update = rpc.UpdateRouterRequest(router=ruled, update_mask=FieldMask(paths=["policies"]))
    told = await explained(client, prediction, await changed(client, "UpdateRouter", update))
    assert (told.same, told.decision.variant) == (False, "digits-bottom")
    assert "the mode was strategy, now it is policy" in told.differences
    assert "the policy was none, now it is gold" in told.differences
    assert "the variant was digits-right, now it is digits-bottom" in told.differences

    removal = rpc.RemoveVariantRequest(name=NAME, variant="digits-right")
    told = await explained(client, prediction, await changed(client, "RemoveVariant", removal))
    assert "digits-right is not there any more; it had a share of 1" in told.differences
    assert (told.original.variant, told.same) == ("digits-right", False)
