"""A model's predictions, whoever made them: newest first, in pages that stay, each with its truth."""

import random
import time
from collections.abc import Sequence
from typing import Any

import pytest
from turnout.drift.v1 import logging_pb2 as rpc
from turnout.drift.v1 import truth_pb2
from turnout.drift.v1.segment_pb2 import Segment
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent, Truth
from turnout.inference.v1.manifest_pb2 import OUTCOME_SERVED, OUTCOME_SKIPPED
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.drift.listing import users
from services.drift.observed import models_asked
from services.drift.wire import timestamp
from services.foundation.errors import RemoteError
from services.state import drift_keys, events, formats, ids, keys
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.errors import LostLease
from services.state.fenced import Fence
from services.state.ids import new_prediction_id
from services.state.kinds import MODELS, ROUTERS
from tests.drift.conftest import Ask
from tests.drift.intake.conftest import Consume
from tests.drift.intake.test_logging import logged

UNMATCHED = rpc.GROUND_TRUTH_STATE_UNMATCHED
MATCHED = rpc.GROUND_TRUTH_STATE_MATCHED


@pytest.fixture
async def model(connections: Connections) -> Model:
    """A model that was registered an hour ago."""
    store = ConfigStore(connections, MODELS, lambda: time.time() - 3600, random.Random(1))
    return (await store.create(Model(name="models/churn"))).message


async def routers(connections: Connections, *names: str) -> list[Router]:
    """Registered routers."""
    store = ConfigStore(connections, ROUTERS, time.time, random.Random(7))
    return [(await store.create(Router(name=f"routers/{name}"))).message for name in names]


def routed(router: Router, ago: float, *models: str, **more: Any) -> PredictionEvent:
    """A prediction that a router made so many seconds ago, asking models."""
    event = PredictionEvent(format=formats.PREDICTION_EVENT, router_uid=router.uid, rows=1, **more)
    now = time.time() - ago
    event.time.CopyFrom(timestamp(now))
    place = random.Random(int(ago * 1000))
    event.manifest.prediction_id = new_prediction_id(ids.partition_for(router.uid), now, place)
    event.manifest.router = router.name
    for model in models or ("churn",):
        event.manifest.participants.add(model=f"models/{model}", outcome=OUTCOME_SERVED)
    event.output.classification.label = "stays"
    return event


async def written(connections: Connections, *made: PredictionEvent, sequence: int = 1) -> list[str]:
    """Appends events of one router to its stream; returns their ids."""
    batch = EventBatch(predictions=[event.SerializeToString() for event in made])
    partition = ids.partition_for(made[0].router_uid)
    await events.append(connections, partition, batch, f"router-{made[0].router_uid}", sequence)
    return [event.manifest.prediction_id for event in made]


class World:
    """Two routers that asked the model, one that did not, and what was logged from outside; times in seconds
    ago. ids: newest first."""

    def __init__(self, ids_: Sequence[str], till: Router, outside: Sequence[str]) -> None:
        self.ids = list(ids_)
        self.till = till
        self.outside = list(outside)


@pytest.fixture
async def world(connections: Connections, ask: Ask, model: Model, consume: Consume) -> World:
    till, desk, other = await routers(connections, "till", "desk", "other")
    made = [*await written(connections, *(routed(till, ago) for ago in range(100, 200, 10)))]
    made += await written(connections, *(routed(desk, ago, "churn", "rest") for ago in range(105, 205, 10)))
    await written(connections, *(routed(other, ago, "rest") for ago in (103, 107)))
    skipped = routed(till, 109)
    skipped.manifest.participants[0].outcome = OUTCOME_SKIPPED
    await written(connections, skipped, sequence=2)
    outside = []
    for ago in (101, 152, 250):
        request = logged(
            time=timestamp(time.time() - ago), external_id=f"x-{ago}", segments={"region": "north"}
        )
        outside.append((await ask("LogPrediction", request)).prediction_id)
    for uid in (till.uid, desk.uid, other.uid, model.uid):
        await consume(uid)
    return World(sorted([*made, *outside], reverse=True), till, outside)


async def pages(ask: Ask, size: int, **wanted: Any) -> tuple[list[str], int]:
    """Ids of all pages, and how many pages there were."""
    found, count, token = list[str](), 0, ""
    while True:
        request = rpc.ListPredictionsRequest(model="churn", page_size=size, page_token=token, **wanted)
        reply = await ask("ListPredictions", request)
        found += [one.prediction.event.manifest.prediction_id for one in reply.predictions]
        count, token = count + 1, reply.next_page_token
        if not token:
            return found, count


@pytest.mark.parametrize("size", [1, 4, 7, 50])
async def test_all_of_them_come_once_newest_first(ask: Ask, world: World, size: int) -> None:
    found, count = await pages(ask, size)
    assert found == world.ids
    assert count >= len(found) // size


async def test_what_comes_meanwhile_changes_no_page(
    ask: Ask, world: World, connections: Connections, consume: Consume
) -> None:
    first = await ask("ListPredictions", rpc.ListPredictionsRequest(model="churn", page_size=10))
    await written(connections, routed(world.till, 20), sequence=3)
    await consume(world.till.uid)
    rest = rpc.ListPredictionsRequest(model="churn", page_size=100, page_token=first.next_page_token)
    both = [*first.predictions, *(await ask("ListPredictions", rest)).predictions]
    assert [one.prediction.event.manifest.prediction_id for one in both] == world.ids
    assert len((await pages(ask, 100))[0]) == len(world.ids) + 1


async def test_filters(ask: Ask, world: World) -> None:
    outside = sorted(world.outside, reverse=True)
    assert (await pages(ask, 50, outside=True))[0] == outside
    assert (await pages(ask, 2, segment=Segment(name="region", value="north")))[0] == outside
    assert (await pages(ask, 2, segment=Segment(name="region", value="south")))[0] == []
    assert (await pages(ask, 50, external_id="x-152"))[0] == [world.outside[1]]
    assert (await pages(ask, 50, entity_id="ann"))[0] == []
    till = (await pages(ask, 3, router="till"))[0]
    assert len(till) == 10
    within = {"start_time": timestamp(time.time() - 155), "end_time": timestamp(time.time() - 120)}
    some = (await pages(ask, 5, **within))[0]
    assert some == [one for one in world.ids if 120 < time.time() - ids.time_of(one) < 155]
    assert some


async def test_truth_is_joined_and_may_be_asked_for(ask: Ask, world: World) -> None:
    known = [world.ids[0], world.outside[2]]
    for name in known:
        for label in ("stays", "leaves"):
            request = truth_pb2.AddGroundTruthRequest(prediction_id=name, truth=Truth(label=label))
            await ask("AddGroundTruth", request)
    reply = await ask("ListPredictions", rpc.ListPredictionsRequest(model="churn", truth=MATCHED))
    assert [one.prediction.event.manifest.prediction_id for one in reply.predictions] == known
    assert [[entry.truth.label for entry in one.truths] for one in reply.predictions] == [["leaves"]] * 2
    rest = [name for name in world.ids if name not in known]
    assert (await pages(ask, 4, truth=UNMATCHED))[0] == rest
    unmatched = await ask("ListUnmatchedPredictions", rpc.ListUnmatchedPredictionsRequest(model="churn"))
    assert [one.event.manifest.prediction_id for one in unmatched.predictions] == rest
    only = rpc.ListUnmatchedPredictionsRequest(model="churn", outside=True)
    left = (await ask("ListUnmatchedPredictions", only)).predictions
    assert [one.event.manifest.prediction_id for one in left] == world.outside[:2]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"model": ""}, "model"),
    "an unknown model": ({"model": "nobody"}, "model"),
    "an unknown router": ({"router": "nobody"}, "router"),
    "a router and none": ({"router": "till", "outside": True}, "outside"),
    "a page of less than nothing": ({"page_size": -1}, "page_size"),
    "a token of another list": ({"page_token": "abcdefgh"}, "page_token"),
    "an end before the start": (
        {"start_time": timestamp(1_800_000_000), "end_time": timestamp(1_700_000_000)}, "start_time",
    ),
    "a state that is none": ({"truth": 9}, "truth"),
    "a segment without a name": ({"segment": Segment(value="north")}, "segment.name"),
    "a segment without a value": ({"segment": Segment(name="region")}, "segment.value"),
    "a long key": ({"entity_id": "x" * 300}, "entity_id"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "field"), WRONG.values(), ids=WRONG)
async def test_what_cannot_be_listed_is_refused(
    ask: Ask, model: Model, changes: dict[str, Any], field: str
) -> None:
    request = rpc.ListPredictionsRequest(**{"model": "churn", **changes})
    with pytest.raises(RemoteError) as refused:
        await ask("ListPredictions", request)
    assert refused.value.fields[0].field == field


async def test_predictions_of_a_former_model_of_that_name_are_not_its_own(
    ask: Ask, model: Model, connections: Connections, consume: Consume
) -> None:
    (till,) = await routers(connections, "till")
    await written(connections, routed(till, 3700))
    await consume(till.uid)
    assert (await pages(ask, 50, router="till"))[0] == []


async def test_routers_are_noted_once_a_minute_and_not_for_ever(
    connections: Connections, model: Model, consume: Consume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "MOST_ROUTERS", 2)
    some = await routers(connections, "a", "b", "c")
    partition = ids.partition_for(some[0].uid)
    notes = users.UserNotes(connections)
    fence = await held(connections, partition)
    events = [routed(router, 300 - 60 * place) for place, router in enumerate(some)]
    made = [(event, models_asked(event)) for event in events]
    await notes.note(partition, fence, made)
    key = drift_keys.model_users(partition, model.uid)
    assert await connections.steady.zrange(key, 0, -1) == [router.uid.encode() for router in some[1:]]
    await connections.steady.delete(key)
    # The same minutes again need no round trip.
    await notes.note(partition, fence, made)
    assert not await connections.steady.exists(key)
    await notes.note(partition, await held(connections, partition, 2), made)
    assert await connections.steady.zcard(key) == 2
    with pytest.raises(LostLease):
        await users.UserNotes(connections).note(partition, fence, made)


async def held(connections: Connections, partition: int, turn: int = 1) -> Fence:
    """The fence of an owner of the partition."""
    fence = Fence(keys.token(partition, "drift"), str(turn))
    await connections.steady.set(fence.key, fence.token)
    return fence
