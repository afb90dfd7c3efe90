"""Where access is enforced: whose plans are remembered, and whose panels say something of a router."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from turnout.aggregator.v1.aggregator_service_pb2 import GetDivergenceRequest, InferRequest, Plan
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.inference_service_pb2 import PredictRequest
from turnout.router.v1.model_pb2 import Permissions
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.aggregator import compiling
from services.aggregator.servicer import AggregatorServicer
from services.state.connection import connect
from tests.access.house import House, enforced
from tests.aggregator.conftest import patient, plan
from tests.aggregator.talk import request_of
from tests.fleet import fleet_model
from tests.waiting import eventually

INFER = "turnout.aggregator.v1.AggregatorService/Infer"
DIVERGENCE = "turnout.aggregator.v1.AggregatorService/GetDivergence"
NAMES = ("cancer-bayes", "cancer-stump")


@pytest.fixture
async def house(redis_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A router with its aggregator, two models that `owner` has, and her router over them."""
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(enforced(redis_url, tmp_path, "aggregator", "router"))
        for name in NAMES:
            server = await stack.enter_async_context(fleet_model(name))
            model = registration(name, server.address)
            model.owner, model.permissions.public_view = "owner", True
            model.timeout.FromSeconds(20)
            await opened.models.create(model)
        ward = Router(name="routers/ward", permissions=Permissions(predictors=["predictor"]))
        for name in NAMES:
            ward.variants.add(model=name)
        ward.ensemble.SetInParent()
        await opened.call("owner", "RouterService/CreateRouter", routers.CreateRouterRequest(router=ward))
        await opened.call("owner", "RouterService/DeployRouter", routers.DeployRouterRequest(name="ward"))
        yield opened
    async with connect(redis_url) as connections:
        await connections.steady.flushdb()


def remembered(house: House) -> int:
    """Plans that the aggregator keeps."""
    servicer = house.served[AggregatorServicer.SERVICE]
    assert isinstance(servicer, AggregatorServicer)
    return len(servicer._plans)


async def panels(house: House) -> int:
    told = await house.call("owner", DIVERGENCE, GetDivergenceRequest(router="ward"))
    return int(told.panels)


def asked(given: Plan) -> InferRequest:
    """A plan of the caller's own, under the router's name."""
    return request_of(given, patient(), router="ward")


async def predicted(house: House, user: str) -> Any:
    return await house.call(user, "InferenceService/Predict", PredictRequest(router="ward", input=patient()))


async def test_a_plan_that_its_caller_may_not_have_run_is_not_remembered(house: House) -> None:
    async def allowed() -> bool:
        return bool((await house.call("owner", INFER, asked(plan(*NAMES)))).outputs)

    await eventually(allowed)
    known = remembered(house)
    assert 0 < known < compiling.MOST_PLANS
    for share in (0.1, 0.2, 0.3):
        # The router may be asked, but not its models.
        strange = asked(plan(*NAMES, full_panel_fraction=share))
        assert (await house.refusal("predictor", INFER, strange)).code == "PERMISSION_DENIED"
    assert remembered(house) == known
    await house.call("owner", INFER, asked(plan(*NAMES, full_panel_fraction=0.1)))
    assert remembered(house) == known + 1


async def test_only_what_the_router_asked_says_something_of_it(house: House) -> None:
    async def answered() -> Any:
        return await predicted(house, "predictor")

    await eventually(answered)
    counted = await panels(house)
    assert counted > 0
    # The same plan, under the router's name, by whoever may ask all of it.
    for user in ("owner", "admin"):
        reply = await house.call(user, INFER, asked(plan(*NAMES)))
        assert reply.aggregation.representative
    assert await panels(house) == counted
    await predicted(house, "predictor")
    assert await panels(house) == counted + 1
