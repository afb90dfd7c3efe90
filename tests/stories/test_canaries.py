"""Canaries on the whole suite: real models, real time, and a feedback process that is killed in the middle.

A minute has to pass before its decisions are evidence, so that these tests mostly wait.
"""

import asyncio
import os
import signal
from typing import Any

from turnout.feedback.v1 import canary_pb2 as canaries
from turnout.router.v1 import canary_pb2
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from examples.demo.rows import Supply
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.stories.asking import FEEDBACK, ROUTERS, SECONDS, deployed, predict, router, tell
from tests.stories.suite import Suite
from tests.waiting import eventually

OLD, NEW = "digits-top", "digits-right"
CRITERIA = {"metric": "accuracy", "min_improvement": 0.05, "min_samples": 10}
PREDICTIONS = 80


def trial(name: str, old: str = OLD, new: str = NEW, **rules: Any) -> Router:
    """A canary that gets every second prediction."""
    made = router(name, old, new, canary={"baseline_model": old, "canary_model": new, **rules})
    made.canary.steps.add(percentage=50)
    made.canary.label_horizon.FromSeconds(5)
    made.default_deadline.FromSeconds(2)
    return made


async def traffic(suite: Suite, name: str, right: str, *, labelled: bool = True) -> None:
    """Predictions, and labels by which only the variant `right` is."""
    client, feedback = suite.client("router"), suite.client("feedback")
    supply = Supply("digits", 31)
    for _ in range(PREDICTIONS):
        reply = await predict(client, name, supply.take())
        said = reply.output.classification.label
        truth = said if reply.manifest.decision.variant == right else str((int(said) + 1) % 10)
        if labelled:
            await tell(feedback, reply.prediction_id, truth)


async def status(client: Client, name: str) -> canaries.CanaryStatus:
    request = canaries.GetCanaryRequest(router=name)
    reply: canaries.GetCanaryResponse = await client.unary(FEEDBACK, "GetCanary")(request, timeout=SECONDS)
    return reply.canary


async def events(client: Client, name: str) -> list[canaries.PromotionEvent]:
    request = canaries.ListPromotionEventsRequest(router=name)
    reply = await client.unary(FEEDBACK, "ListPromotionEvents")(request, timeout=SECONDS)
    return list(reply.events)


async def stands(client: Client, name: str, state: str) -> bool:
    try:
        told = await status(client, name)
    except RemoteError as failed:
        # Feedback is being started again.
        if failed.code != "UNAVAILABLE":
            raise
        return False
    return canary_pb2.CanaryState.Name(told.state) == f"CANARY_STATE_{state}"


async def test_a_better_one_is_promoted_a_worse_one_goes_and_one_without_labels_is_held_though_feedback_dies(
    suite: Suite,
) -> None:
    client, feedback = suite.client("router"), suite.client("feedback")
    for name in ("canary-better", "canary-worse", "canary-silent"):
        await deployed(client, trial(name, promotion_criteria=CRITERIA))
    await asyncio.gather(
        traffic(suite, "canary-better", NEW),
        traffic(suite, "canary-worse", OLD),
        traffic(suite, "canary-silent", NEW, labelled=False),
    )
    (pid,) = await suite.workers("feedback")
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: stands(feedback, "canary-better", "PROMOTED"), within=180)
    await eventually(lambda: stands(feedback, "canary-worse", "ROLLED_BACK"), within=60)
    promoted = await client.unary(ROUTERS, "GetRouter")(
        routers.GetRouterRequest(name="canary-better"), timeout=SECONDS
    )
    assert (promoted.router.canary.baseline_model, promoted.router.canary.canary_percentage) == (NEW, 0)
    assert all(variant.enabled for variant in promoted.router.variants)
    reply = await predict(client, "canary-better", Supply("digits", 32).take())
    assert reply.manifest.decision.variant == NEW
    silent = await status(feedback, "canary-silent")
    assert (silent.percentage, silent.state) == (50, canary_pb2.CANARY_STATE_RUNNING)

    async def told() -> bool:
        better, worse = await events(feedback, "canary-better"), await events(feedback, "canary-worse")
        # Each happened once, whoever was killed.
        assert [one.kind for one in better] == ["PROMOTE", "START"]
        assert [one.kind for one in worse] == ["ROLLBACK", "START"]
        assert better[0].evidence.findings[0].answered
        assert better[0].automatic
        return True

    await eventually(told, within=30)


async def test_a_canary_that_cannot_be_reached_is_gone_within_seconds(suite: Suite) -> None:
    client, feedback = suite.client("router"), suite.client("feedback")
    found = await client.unary("turnout.router.v1.ModelService", "GetModel")(
        models.GetModelRequest(name=NEW), timeout=SECONDS
    )
    broken = Model(name="models/canary-dead", protocol=found.model.protocol, signature=found.model.signature)
    broken.endpoints.add(address="127.0.0.1:9")
    broken.timeout.FromMilliseconds(200)
    await client.unary("turnout.router.v1.ModelService", "RegisterModel")(
        models.RegisterModelRequest(model=broken), timeout=SECONDS
    )
    guardrails = [{"metric": "error_rate", "max_value": 0.05}]
    wanted = trial("canary-broken", new="canary-dead", guardrails=guardrails)
    # The router must not eject the dead model by itself: it is the canary whose rules are told.
    wanted.health.max_ejection_percentage = 0
    await deployed(client, wanted)
    supply = Supply("digits", 33)

    async def gone() -> bool:
        for _ in range(10):
            try:
                await predict(client, "canary-broken", supply.take())
            except RemoteError:
                continue
        return await stands(feedback, "canary-broken", "ROLLED_BACK")

    await eventually(gone, within=40)

    async def told() -> bool:
        found = await events(feedback, "canary-broken")
        assert [one.kind for one in found] == ["ROLLBACK", "START"]
        assert found[0].automatic
        assert "of the canary's latest" in found[0].reason
        return True

    await eventually(told, within=30)
