"""`turnout up` where access is enforced: its first key, what it lets in, and what stays outside."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from turnout.feedback.v1.feedback_service_pb2 import GetRewardsRequest
from turnout.inference.v1.event_pb2 import Truth
from turnout.router.v1 import access_service_pb2 as access
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.model_pb2 import Permissions

from examples.demo.rows import Supply
from examples.fleet.catalog import registration
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.fleet import fleet_model
from tests.stories.asking import INFERENCE, ROUTERS, SECONDS, asked, router
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
    """A jury that everybody may ask who says who he is; the key of somebody who is nothing more."""
    for name in NAMES:
        server = await stack.enter_async_context(fleet_model(name))
        request = models.RegisterModelRequest(model=registration(name, server.address))
        await admin.call("turnout.router.v1.ModelService", "RegisterModel", request)
    jury = router("jury", *NAMES, ensemble={})
    jury.permissions.CopyFrom(Permissions(predictors=["ann"]))
    await admin.call(ROUTERS, "CreateRouter", routers.CreateRouterRequest(router=jury))
    await admin.call(ROUTERS, "DeployRouter", routers.DeployRouterRequest(name="jury"))
    made = await admin.call(
        "turnout.router.v1.AccessService", "CreateApiKey", access.CreateApiKeyRequest(user="ann")
    )
    return str(made.secret)


def first_key(suite: Suite) -> str:
    """What only its owner can read."""
    file = Path(suite.ready["admin_key"])
    assert file.stat().st_mode & 0o777 == 0o600
    return file.read_text().strip()


async def test_the_suite_starts_with_a_key_answers_who_has_one_and_nobody_else(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        suite = await stack.enter_async_context(
            starting(tmp_path, "--ephemeral", TURNOUT_ACCESS_MODE="enforced")
        )
        await suite.until_ready()
        key = first_key(suite)
        await eventually(lambda: suite.ready["admin_key"] in suite.said)
        assert key not in suite.said
        ann = Person(suite.client("router"), await furnish(Person(suite.client("router"), key), stack))

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

        with pytest.raises(RemoteError) as caught:
            await Person(suite.client("router")).predict("jury")
        assert caught.value.code == "UNAUTHENTICATED"
        with pytest.raises(RemoteError, match="wants to know who calls"):
            await suite.client("feedback").unary("turnout.feedback.v1.FeedbackService", "GetRewards")(
                GetRewardsRequest(router="jury"), timeout=SECONDS
            )
