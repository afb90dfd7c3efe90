"""`turnout up` where access is enforced: its first key, what it lets in, and what stays outside."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from turnout.feedback.v1 import canary_pb2 as canaries
from turnout.feedback.v1.evaluation_pb2 import EvaluatePolicyRequest, EvaluatePolicyResponse
from turnout.feedback.v1.feedback_service_pb2 import GetRewardsRequest
from turnout.feedback.v1.stacker_pb2 import FitStackerRequest
from turnout.inference.v1.event_pb2 import Truth
from turnout.router.v1 import access_service_pb2 as access
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.model_pb2 import Permissions
from turnout.router.v1.router_pb2 import Router

from examples.demo.rows import Supply
from examples.fleet.catalog import registration
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.fleet import fleet_model
from tests.gateway.curl import curl
from tests.stories.asking import FEEDBACK, INFERENCE, ROUTERS, SECONDS, asked, router
from tests.stories.suite import Suite, starting
from tests.waiting import eventually

NAMES = ("cancer-bayes", "cancer-stump")


class Person:
    """A caller of the router, with a key or without."""

    def __init__(self, client: Client, key: str = "") -> None:
        self._client = client
        self.how: dict[str, Any] = {"metadata": [("x-api-key", key)] if key else [], "timeout": SECONDS}

    async def call(self, service: str, method: str, request: Any) -> Any:
        return await self._client.unary(service, method)(request, **self.how)

    async def predict(self, name: str) -> Any:
        return await self.call(INFERENCE, "Predict", asked(name, Supply("breast-cancer", 5).take()))


async def furnish(admin: Person, stack: AsyncExitStack) -> str:
    """A jury and a router that ann may ask; her key."""
    for name in NAMES:
        server = await stack.enter_async_context(fleet_model(name))
        request = models.RegisterModelRequest(model=registration(name, server.address))
        await admin.call("turnout.router.v1.ModelService", "RegisterModel", request)
    for wanted in (router("jury", *NAMES, ensemble={}), router("half", *NAMES, weighted={})):
        wanted.permissions.CopyFrom(Permissions(predictors=["ann"]))
        await admin.call(ROUTERS, "CreateRouter", routers.CreateRouterRequest(router=wanted))
        await admin.call(ROUTERS, "DeployRouter", routers.DeployRouterRequest(name=wanted.name))
    made = await admin.call(
        "turnout.router.v1.AccessService", "CreateApiKey", access.CreateApiKeyRequest(user="ann")
    )
    return str(made.secret)


def first_key(suite: Suite) -> str:
    """What only its owner can read."""
    file = Path(suite.ready["admin_key"])
    assert file.stat().st_mode & 0o777 == 0o600
    return file.read_text().strip()


async def evaluates(ann: Person, hers: Person) -> None:
    """Feedback asks the router in her name what her proposal would do, and changes nothing for her."""
    asked = EvaluatePolicyRequest(router="half", proposal=Router(random={}))

    async def rewarded() -> bool:
        try:
            made = await ann.predict("half")
        except RemoteError as refused:
            raise AssertionError(str(refused)) from refused
        told = routers.RecordFeedbackRequest(prediction_id=made.prediction_id, reward=1.0)
        await ann.call(ROUTERS, "RecordFeedback", told)
        return True

    async def evaluated() -> EvaluatePolicyResponse:
        try:
            reply: EvaluatePolicyResponse = await hers.call(FEEDBACK, "EvaluatePolicy", asked)
        except RemoteError as refused:
            raise AssertionError(str(refused)) from refused
        return reply

    await eventually(rewarded)
    for _ in range(6):
        await asyncio.gather(*(rewarded() for _ in range(20)))
    assert (await eventually(evaluated, within=60)).value == 1.0
    with pytest.raises(RemoteError) as caught:
        await hers.call(FEEDBACK, "FitStacker", FitStackerRequest(router="jury", apply=True))
    assert caught.value.code == "PERMISSION_DENIED"


async def moves_canaries(admin: Person, feedback: Person, hers: Person) -> None:
    """Who may predict reads no canary and moves none; whoever does is named in what happened."""
    old, new = NAMES
    wanted = router("trial", *NAMES, canary={"baseline_model": old, "canary_model": new})
    wanted.permissions.CopyFrom(Permissions(predictors=["ann"]))
    await admin.call(ROUTERS, "CreateRouter", routers.CreateRouterRequest(router=wanted))
    with pytest.raises(RemoteError) as caught:
        await hers.call(FEEDBACK, "PromoteCanary", canaries.PromoteCanaryRequest(router="trial"))
    assert caught.value.code == "PERMISSION_DENIED"
    await feedback.call(FEEDBACK, "PromoteCanary", canaries.PromoteCanaryRequest(router="trial"))

    async def told() -> bool:
        listed = canaries.ListPromotionEventsRequest(router="trial")
        events = (await feedback.call(FEEDBACK, "ListPromotionEvents", listed)).events
        assert [(one.kind, one.automatic) for one in events] == [("PROMOTE", False), ("START", False)]
        assert events[0].by
        return True

    await eventually(told, within=30)


async def asks_by_way_of_the_gateway(url: str, hers: str) -> None:
    """Services ask who calls behind it as before it."""
    refused = await curl(f"{url}/v1/routers")
    assert (refused.code, refused.json["code"], refused.reason) == (401, 16, "UNAUTHENTICATED")
    listed = await curl(f"{url}/v1/routers", "-H", f"authorization: Bearer {hers}")
    assert {"routers/jury", "routers/half"} <= {each["name"] for each in listed.json["routers"]}
    assert (await curl(f"{url}/v1/whoami", "-H", f"x-api-key: {hers}")).json["user"] == "ann"


async def test_the_suite_starts_with_a_key_answers_who_has_one_and_nobody_else(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        suite = await stack.enter_async_context(
            starting(tmp_path, "--ephemeral", TURNOUT_ACCESS_MODE="enforced")
        )
        await suite.until_ready()
        key = first_key(suite)
        await eventually(lambda: suite.ready["admin_key"] in suite.said)
        assert key not in suite.said
        hers = await furnish(Person(suite.client("router"), key), stack)
        ann = Person(suite.client("router"), hers)

        # The router asks the aggregator for her, and hands her feedback on: they know each other.
        async def answered() -> Any:
            try:
                return await ann.predict("jury")
            except RemoteError as refused:
                raise AssertionError(str(refused)) from refused

        reply = await eventually(answered)
        assert len(reply.manifest.participants) == 2
        told = routers.RecordFeedbackRequest(prediction_id=reply.prediction_id, truth=Truth(label="benign"))
        assert (await ann.call(ROUTERS, "RecordFeedback", told)).status.startswith("ACCEPTED")

        asking = [Person(suite.client("feedback"), one) for one in (key, hers)]
        await moves_canaries(Person(suite.client("router"), key), *asking)
        await evaluates(ann, Person(suite.client("feedback"), hers))

        await asks_by_way_of_the_gateway(suite.ready["gateway"], hers)
        with pytest.raises(RemoteError) as caught:
            await Person(suite.client("router")).predict("jury")
        assert caught.value.code == "UNAUTHENTICATED"
        with pytest.raises(RemoteError, match="wants to know who calls"):
            await suite.client("feedback").unary("turnout.feedback.v1.FeedbackService", "GetRewards")(
                GetRewardsRequest(router="jury"), timeout=SECONDS
            )
