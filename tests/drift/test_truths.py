"""Ground truth reaches the one truth stream, once."""

import random
import time

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import truth_pb2 as rpc
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth, TruthEntry
from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import RemoteError
from services.state import formats, keys
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.failures import MappedRedis
from services.state.fenced import Fence
from services.state.ids import new_prediction_id
from services.state.kinds import ROUTERS
from services.state.records import RecordWriter
from services.state.streams import TRUTH
from tests.drift.conftest import Ask

PREDICTION = new_prediction_id(9, time.time(), random.Random(5))


def truth(label: str = "yes", **more: object) -> rpc.AddGroundTruthRequest:
    given: dict[str, object] = {"prediction_id": PREDICTION, "truth": Truth(label=label)} | more
    return rpc.AddGroundTruthRequest(**given)  # type: ignore[arg-type]


async def appended(redis: MappedRedis) -> list[TruthEntry]:
    found = await redis.xrange(keys.truth(9))
    return [TruthEntry.FromString(fields[TRUTH.field]) for _, fields in found]


async def test_a_truth_is_appended_with_its_prediction_row_and_time(ask: Ask, redis: MappedRedis) -> None:
    reply = await ask("AddGroundTruth", truth(row=3, observed_at=Timestamp(seconds=1_760_000_000)))
    (entry,) = await appended(redis)
    assert (entry.prediction_id, entry.row, entry.truth.label) == (PREDICTION, 3, "yes")
    assert entry.observed_at.seconds == 1_760_000_000
    assert entry.feedback_id == reply.feedback_id
    assert reply.status == rpc.GROUND_TRUTH_STATUS_PENDING
    assert reply.prediction_id == PREDICTION


async def test_the_same_truth_again_changes_nothing(ask: Ask, redis: MappedRedis) -> None:
    observed = Timestamp(seconds=1_760_000_000)
    first = await ask("AddGroundTruth", truth(observed_at=observed))
    again = await ask("AddGroundTruth", truth(observed_at=observed))
    assert again.status == rpc.GROUND_TRUTH_STATUS_DUPLICATE
    assert again.feedback_id == first.feedback_id
    assert len(await appended(redis)) == 1


@pytest.mark.parametrize("named", [{"feedback_id": "t1"}, {}], ids=["by its id", "by its content"])
async def test_a_retry_does_not_undo_a_later_correction(
    ask: Ask, redis: MappedRedis, named: dict[str, str]
) -> None:
    await ask("AddGroundTruth", truth("yes", **named))
    await ask("AddGroundTruth", truth("no"))
    again = await ask("AddGroundTruth", truth("yes", **named))
    assert again.status == rpc.GROUND_TRUTH_STATUS_DUPLICATE
    assert [entry.truth.label for entry in await appended(redis)] == ["yes", "no"]


async def test_an_older_truth_does_not_replace_a_later_one(ask: Ask, redis: MappedRedis) -> None:
    await ask("AddGroundTruth", truth("no", observed_at=Timestamp(seconds=1_760_000_100)))
    late = await ask("AddGroundTruth", truth("yes", observed_at=Timestamp(seconds=1_760_000_000)))
    assert late.status == rpc.GROUND_TRUTH_STATUS_SUPERSEDED
    assert [entry.truth.label for entry in await appended(redis)] == ["no"]


WRONG = {
    "no id": (truth(prediction_id=""), "prediction_id"),
    "a strange id": (truth(prediction_id="42"), "prediction_id"),
    "no truth": (rpc.AddGroundTruthRequest(prediction_id=PREDICTION), "truth"),
    "a negative row": (truth(row=-1), "row"),
    "a long id": (truth(feedback_id="x" * 200), "feedback_id"),
    "an id of tomorrow": (
        truth(prediction_id=new_prediction_id(9, time.time() + 3600, random.Random(5))),
        "prediction_id",
    ),
    "an id of another suite": (
        truth(prediction_id="018bcfe5-69f4-4000-8591-b7582265b1f5"),
        "prediction_id",
    ),
    "a time of the day after tomorrow": (
        truth(observed_at=Timestamp(seconds=int(time.time()) + 2 * 86_400)),
        "observed_at",
    ),
    "a time that is none": (truth(observed_at=Timestamp(seconds=2**62)), "observed_at"),
    "no label": (truth(""), "truth.label"),
    "a long label": (truth("x" * 1025), "truth.label"),
    "no number": (truth(truth=Truth(number=float("nan"))), "truth.number"),
}


@pytest.mark.parametrize(("request_", "field"), WRONG.values(), ids=WRONG)
async def test_what_is_no_truth_is_refused_by_field(
    ask: Ask, redis: MappedRedis, request_: rpc.AddGroundTruthRequest, field: str
) -> None:
    with pytest.raises(RemoteError) as refused:
        await ask("AddGroundTruth", request_)
    assert refused.value.code == "INVALID_ARGUMENT"
    assert field in [violation.field for violation in refused.value.fields]
    assert await appended(redis) == []


MISFITS = {
    "a row too many": (truth("yes", row=1), "row"),
    "a number for a class": (truth(truth=Truth(number=1)), "truth"),
    "no class of its model": (truth("perhaps"), "truth.label"),
}


@pytest.mark.parametrize(("request_", "field"), MISFITS.values(), ids=MISFITS)
async def test_what_does_not_fit_its_known_prediction_is_refused_by_field(
    ask: Ask, connections: Connections, request_: rpc.AddGroundTruthRequest, field: str
) -> None:
    event = PredictionEvent(format=formats.PREDICTION_EVENT, rows=1, router_uid="some")
    event.manifest.prediction_id = PREDICTION
    event.output.classification.label = "yes"
    for label in ("yes", "no"):
        event.output.classification.probabilities.add(label=label, probability=0.5)
    event.outputs.add(output=event.output)
    fence = Fence.of(9, "drift", 1)
    await connections.steady.set(fence.key, fence.token)
    await RecordWriter(connections).write(9, fence, "1-0", [event])

    with pytest.raises(RemoteError) as refused:
        await ask("AddGroundTruth", request_)
    assert refused.value.code == "INVALID_ARGUMENT"
    assert [violation.field for violation in refused.value.fields] == [field]
    assert await appended(connections.steady) == []
    await ask("AddGroundTruth", truth("no"))
    assert [entry.truth.label for entry in await appended(connections.steady)] == ["no"]


@pytest.mark.parametrize("made", ["router", "model"])
async def test_a_maker_that_there_is_not_is_told(ask: Ask, redis: MappedRedis, made: str) -> None:
    """Labels may come before predictions are recorded, but nothing of whom nobody knows is on its way."""
    with pytest.raises(RemoteError, match=f"{made}s/nobody") as refused:
        await ask("AddGroundTruth", truth(**{made: "nobody"}))
    assert (refused.value.code, [one.field for one in refused.value.fields]) == ("NOT_FOUND", [made])
    batch = rpc.BatchAddGroundTruthRequest(truths=[truth(**{made: "nobody"}), truth()])
    reply = await ask("BatchAddGroundTruth", batch)
    assert dict(reply.counts) == {"REFUSED": 1, "PENDING": 1}
    assert len(await appended(redis)) == 1


async def test_predictions_of_a_router_that_was_deleted_may_be_on_their_way(
    ask: Ask, connections: Connections
) -> None:
    store = ConfigStore(connections, ROUTERS, time.time, random.Random(3))
    await store.create(Router(name="routers/gone"))
    first = await ask("AddGroundTruth", truth(router="gone"))
    await store.delete("routers/gone")
    later = await ask("AddGroundTruth", truth("no", router="gone"))
    assert {first.status, later.status} == {rpc.GROUND_TRUTH_STATUS_PENDING}
