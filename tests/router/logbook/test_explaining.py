"""Past predictions explained over a channel: what is repeated of them, and what nobody has any more."""

from collections.abc import Awaitable
from typing import Any

import pytest
from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1 import router_service_pb2 as routers

from services.foundation.errors import RemoteError
from services.state.connection import Connections
from services.state.fenced import Fence
from services.state.learned import SnapshotStore
from tests.router.conftest import BAYES, doctors
from tests.router.logbook.conftest import Shelf
from tests.waiting import eventually

HEADED = {"name": "gold", "condition": "headers['x-tier'] == 'gold'", "variant": "cancer-stump"}


async def deployed(shelf: Shelf) -> None:
    given = doctors(policies=[HEADED], allowed_headers=["x-tier"])
    given.variants[1].weight = 0
    shelf.at(await shelf.desk.deploy("headed", given))


async def predicted(shelf: Shelf, headers: dict[str, str] | None = None, **how: Any) -> str:
    """A real decision, and its record."""
    request = rpc.PredictRequest(router="headed", **how)
    request.input.row.update(BAYES)
    metadata = tuple((headers or {}).items())
    reply = await shelf.desk.call("InferenceService/Predict", request, metadata=metadata)
    event = shelf.event(60, input_kind="row")
    name = event.manifest.prediction_id
    event.manifest.CopyFrom(reply.manifest)
    event.manifest.prediction_id = name
    event.features.numeric_features.update(BAYES)
    await shelf.write(event)
    return name


async def explained(shelf: Shelf, **how: Any) -> rpc.ExplainResponse:
    request = rpc.ExplainRequest(router="headed", **how)
    reply: rpc.ExplainResponse = await shelf.desk.call("InferenceService/Explain", request)
    return reply


async def test_a_rule_on_headers_is_warned_of_as_they_are_not_logged(shelf: Shelf) -> None:
    await deployed(shelf)
    told = await explained(shelf, prediction_id=await predicted(shelf, {"x-tier": "gold"}))
    assert (told.original.policy, told.decision.policy, told.same) == ("gold", "", False)
    assert list(told.warnings) == ["headers are not logged (x-tier): rules on them may decide otherwise"]


async def test_a_callers_pin_is_repeated(shelf: Shelf) -> None:
    await deployed(shelf)
    pinned = await predicted(shelf, variant="cancer-stump")
    told = await explained(shelf, prediction_id=pinned)
    assert (told.same, list(told.differences), list(told.warnings)) == (True, [], [])
    assert told.decision.variant == "cancer-stump"


async def test_a_pin_on_who_is_disabled_by_now_is_warned_of(shelf: Shelf) -> None:
    await shelf.desk.seat("cancer-logistic")
    await deployed(shelf)
    pinned = await predicted(shelf, variant="cancer-stump")
    add = routers.AddVariantRequest(name="headed", variant={"model": "cancer-logistic"})
    await shelf.desk.call("RouterService/AddVariant", add)
    off = routers.ToggleVariantRequest(name="headed", variant="cancer-stump", enabled=False)
    await shelf.desk.call("RouterService/ToggleVariant", off)

    async def decides() -> bool:
        return (await explained(shelf)).generation == 3

    await eventually(decides)
    told = await explained(shelf, prediction_id=pinned)
    assert not told.same
    assert "the caller pinned cancer-stump, which cannot be pinned any more" in told.warnings


async def test_by_a_former_generation_who_is_gone_since_is_new_to_the_learner(
    shelf: Shelf, connections: Connections
) -> None:
    """As after a rollback: feedback publishes a share of 0 of who is gone."""
    desk, gone = shelf.desk, "cancer-logistic"
    await desk.seat(gone)
    given = doctors(bandit={})
    given.variants.add(model=gone)
    shelf.at(await desk.deploy("headed", given))
    await desk.call("RouterService/RemoveVariant", routers.RemoveVariantRequest(name="headed", variant=gone))
    fence = Fence.of(shelf.partition, "feedback", 1)
    await connections.steady.set(fence.key, fence.token)
    snapshot = RewardSnapshot(router_uid=shelf.router.uid, router="routers/headed", generation=2)
    for variant, share in (("cancer-bayes", 1.0), ("cancer-stump", 0.0), (gone, 0.0)):
        snapshot.arms.add(variant=variant, probability=share)
    await SnapshotStore(connections).publish(snapshot, fence)
    await connections.steady.delete(fence.key)

    async def shares(generation: int) -> dict[str, float]:
        decision = (await explained(shelf, generation=generation)).decision
        return {one.variant: one.probability for one in decision.candidates}

    await eventually(lambda: taken_in({"cancer-bayes": 1.0, "cancer-stump": 0.0}, shares(2)))
    assert await shares(1) == {"cancer-bayes": 0.75, "cancer-stump": 0.0, gone: 0.25}


async def taken_in(wanted: dict[str, float], found: Awaitable[dict[str, float]]) -> bool:
    return await found == wanted


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input", {"text": "x"}),
        ("entity_id", "ann"),
        ("attributes", {"tier": "gold"}),
        ("variant", "cancer-bayes"),
    ],
)
async def test_a_past_prediction_has_its_own_question(shelf: Shelf, field: str, value: Any) -> None:
    await deployed(shelf)
    with pytest.raises(RemoteError, match="leave it out: a past prediction") as refused:
        await explained(shelf, prediction_id="x", **{field: value})
    assert refused.value.code == "INVALID_ARGUMENT"
    assert [name for name, _ in refused.value.fields] == [field]
