"""What feedback measures of models, and publishes, moves the strategies that choose by it."""

from typing import Any

from turnout.inference.v1.manifest_pb2 import Decision
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1.model_pb2 import Model

from examples.demo.rows import Supply
from services.foundation.client import Client
from tests.stories.asking import INFERENCE, SECONDS, asked, deployed, router, tell
from tests.stories.suite import Suite
from tests.waiting import eventually

REGISTRY = "turnout.router.v1.ModelService"
BEST, CHEAP = "quality-best", "quality-cheap"
DEAR, FAIR = "quality-dear", "quality-fair"
LEAST = 6


async def registered(client: Client, name: str, of: str, price: float) -> None:
    """A model of its own name at the address of one of the fleet: nobody else's labels are its."""
    found = await client.unary(REGISTRY, "GetModel")(models.GetModelRequest(name=of), timeout=SECONDS)
    model = Model(
        name=f"models/{name}", protocol=found.model.protocol, served_name=found.model.served_name or of
    )
    for field in ("endpoints", "signature", "timeout"):
        part: Any = getattr(found.model, field)
        if field == "endpoints":
            model.endpoints.extend(part)
        else:
            getattr(model, field).CopyFrom(part)
    model.cost.per_call = price
    await client.unary(REGISTRY, "RegisterModel")(models.RegisterModelRequest(model=model), timeout=SECONDS)


async def judged(suite: Suite, supply: Supply, variant: str, times: int, *, right: bool) -> None:
    """Predictions of a variant, each told to be right, or wrong."""
    client = suite.client("router")
    for _ in range(times):
        request = asked(BEST, supply.take())
        request.variant = variant
        reply = await client.unary(INFERENCE, "Predict")(request, timeout=SECONDS)
        said = reply.output.classification.label
        truth = said if right else str((int(said) + 1) % 10)
        await tell(suite.client("feedback"), reply.prediction_id, truth)


async def decides(client: Client, name: str) -> Decision:
    request = inference.ExplainRequest(router=name)
    reply: inference.ExplainResponse = await client.unary(INFERENCE, "Explain")(request, timeout=SECONDS)
    return reply.decision


async def chosen(client: Client, name: str, variant: str) -> Decision:
    """The decision, once everything goes to the variant."""

    async def moved() -> bool:
        told = await decides(client, name)
        return (told.variant, told.propensity) == (variant, 1.0)

    await eventually(moved, within=30)
    return await decides(client, name)


async def test_the_choice_moves_when_the_measured_quality_does(suite: Suite) -> None:
    client, supply = suite.client("router"), Supply("digits", 23)
    await registered(client, DEAR, "digits-right", price=2.0)
    await registered(client, FAIR, "digits-bottom", price=0.5)
    await deployed(client, router(BEST, DEAR, FAIR, best_metric={"min_samples": LEAST}))
    cheap = {"min_samples": LEAST, "min_quality": 0.6}
    await deployed(client, router(CHEAP, DEAR, FAIR, cost_aware=cheap))
    assert (await decides(client, BEST)).propensity == 0.5

    await judged(suite, supply, DEAR, LEAST, right=True)
    await judged(suite, supply, FAIR, LEAST, right=False)
    await chosen(client, BEST, DEAR)
    assert await eventually(lambda: _scored(client, BEST, [1.0, 0.0]), within=30)
    await chosen(client, CHEAP, DEAR)
    # Who is measured later is out all the while, first for want of a measurement.
    assert await eventually(
        lambda: _refused(client, CHEAP, "its accuracy is 0, at least 0.6 is wanted"), within=30
    )
    assert [one.score for one in (await decides(client, CHEAP)).candidates] == [2.0, 0.5]

    await judged(suite, supply, FAIR, 3 * LEAST, right=True)
    assert (await chosen(client, CHEAP, FAIR)).candidates[0].reason == ""
    assert (await decides(client, BEST)).variant == DEAR
    await judged(suite, supply, DEAR, LEAST, right=False)
    await chosen(client, BEST, FAIR)


async def _scored(client: Client, name: str, scores: list[float]) -> bool:
    return [one.score for one in (await decides(client, name)).candidates] == scores


async def _refused(client: Client, name: str, reason: str) -> bool:
    """Whether the second candidate, and it alone, is out for this reason."""
    return [one.reason for one in (await decides(client, name)).candidates] == ["", reason]
