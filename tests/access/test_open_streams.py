"""Streams that are open when the key that opened them is revoked: each kind that lasts ends by itself."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from inference.open_inference_pb2 import ModelInferRequest
from turnout.router.v1 import access_service_pb2 as access
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.model_pb2 import Permissions

from services.foundation.errors import RemoteError
from services.foundation.open_streams import LOOK_SECONDS
from services.state.key_ring import POLL_SECONDS
from tests.access.house import House

# As docs/access.md has it, and what a crowded machine may add.
BOUND = POLL_SECONDS + LOOK_SECONDS + 10.0
ROUTERS, INFERENCE = "turnout.router.v1.RouterService", "turnout.router.v1.InferenceService"

OPENED = {
    "WatchRouter": lambda house, how: house.clients["router"].stream(ROUTERS, "WatchRouter")(
        routers.WatchRouterRequest(name="watched"), **how
    ),
    "WatchPredictions": lambda house, how: house.clients["router"].stream(ROUTERS, "WatchPredictions")(
        routers.WatchPredictionsRequest(router="watched"), **how
    ),
    "PredictStream": lambda house, how: house.clients["router"].exchange(INFERENCE, "PredictStream")(
        silent(inference.PredictStreamRequest(tag="one", request=inference.PredictRequest(router="watched"))),
        **how,
    ),
    "ModelStreamInfer": lambda house, how: house.clients["router"].exchange(
        "inference.GRPCInferenceService", "ModelStreamInfer"
    )(silent(ModelInferRequest(model_name="watched")), **how),
}


async def silent(first: Any) -> AsyncIterator[Any]:
    """One question, and no end."""
    yield first
    await asyncio.Event().wait()


async def ended(stream: AsyncIterator[Any]) -> RemoteError:
    """What a stream ends with."""
    try:
        async with asyncio.timeout(BOUND):
            replies = [reply async for reply in stream]
    except RemoteError as error:
        return error
    raise AssertionError(f"it ended well, after {len(replies)} replies")


@pytest.mark.parametrize("name", OPENED)
async def test_a_stream_does_not_outlive_its_key(house: House, name: str) -> None:
    await house.make("watched")
    opened = OPENED[name](house, {"timeout": 60, "metadata": house.headers("predictor")})
    reading = asyncio.ensure_future(ended(opened))
    await house.streams_open(1)
    request = access.RevokeApiKeyRequest(id=house.ids["predictor"])
    await house.call("admin", "AccessService/RevokeApiKey", request)
    refused = await reading
    assert (refused.code, refused.facts["why"]) == ("UNAUTHENTICATED", "unknown_key")


async def test_a_watch_ends_with_the_right_to_see_though_nothing_is_predicted(house: House) -> None:
    await house.make("watched")
    how = {"timeout": 60, "metadata": house.headers("viewer")}
    reading = asyncio.ensure_future(ended(OPENED["WatchPredictions"](house, how)))
    await house.streams_open(1)
    request = routers.UpdatePermissionsRequest(name="watched", permissions=Permissions())
    await house.call("owner", "RouterService/UpdatePermissions", request)
    assert (await reading).reason == "ROUTER_NOT_FOUND"
