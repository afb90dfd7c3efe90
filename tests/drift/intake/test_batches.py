"""Ground truth of many predictions at once: each is answered for itself, and the whole may be sent again."""

import random
import time
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import truth_pb2 as rpc
from turnout.drift.v1.logging_pb2 import LogPredictionRequest
from turnout.inference.v1.event_pb2 import Truth, TruthEntry
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import REDACTION_HASHED, Router

from services.foundation.errors import RemoteError
from services.state import ids, keys
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.ids import new_prediction_id
from services.state.kinds import ROUTERS
from services.state.streams import TRUTH
from tests.drift.conftest import Ask
from tests.drift.intake.conftest import Consume
from tests.drift.intake.test_logging import at, dated, logged

ACCEPTED, DUPLICATE = rpc.GROUND_TRUTH_STATUS_ACCEPTED, rpc.GROUND_TRUTH_STATUS_DUPLICATE


def truth(label: str = "leaves", **more: Any) -> rpc.AddGroundTruthRequest:
    given: dict[str, Any] = {"truth": Truth(label=label)} | more
    return rpc.AddGroundTruthRequest(**given)


def batch(*truths: rpc.AddGroundTruthRequest) -> rpc.BatchAddGroundTruthRequest:
    return rpc.BatchAddGroundTruthRequest(truths=truths)


async def told(connections: Connections, model: Model) -> list[TruthEntry]:
    """The truths in the stream of a model's partition."""
    found = await connections.steady.xrange(keys.truth(ids.partition_for(model.uid)))
    return [TruthEntry.FromString(fields[TRUTH.field]) for _, fields in found]


@pytest.fixture
async def order(ask: Ask, model: Model, consume: Consume) -> str:
    """A prediction that was logged and recorded, of the order 7 of Ann."""
    request = logged(external_id="order-7", entity_id="ann", event_time=at(-600))
    reply = await ask("LogPrediction", request)
    await consume(model.uid)
    prediction_id: str = reply.prediction_id
    return prediction_id


async def test_one_bad_row_costs_itself_alone(
    ask: Ask, order: str, model: Model, connections: Connections
) -> None:
    strange = new_prediction_id(3, time.time() - 5 * 86_400, random.Random(1))
    request = batch(
        truth(prediction_id=order),
        truth("x" * 2000, prediction_id=order),
        truth(prediction_id="7"),
        truth(prediction_id=order, row=1),
        truth(prediction_id=strange),
        truth(),
    )
    reply = await ask("BatchAddGroundTruth", request)
    assert reply.outcomes[0].added.status == ACCEPTED
    assert [(one.error.index, one.error.field, one.error.code) for one in reply.outcomes[1:]] == [
        (1, "truth.label", "INVALID_ARGUMENT"),
        (2, "prediction_id", "INVALID_ARGUMENT"),
        (3, "row", "INVALID_ARGUMENT"),
        (4, "prediction_id", "NOT_FOUND"),
        (5, "prediction_id", "INVALID_ARGUMENT"),
    ]
    assert dict(reply.counts) == {"ACCEPTED": 1, "REFUSED": 5}
    again = await ask("BatchAddGroundTruth", request)
    assert again.outcomes[0].added.status == DUPLICATE
    assert len(await told(connections, model)) == 1


async def test_of_two_rows_about_one_fact_the_later_holds(
    ask: Ask, order: str, model: Model, connections: Connections
) -> None:
    reply = await ask(
        "BatchAddGroundTruth", batch(*(truth(str(one), prediction_id=order) for one in range(9)))
    )
    assert [one.added.status for one in reply.outcomes[1:]] == [rpc.GROUND_TRUTH_STATUS_CORRECTED] * 8
    assert (await told(connections, model))[-1].truth.label == "8"


@pytest.mark.parametrize(
    "key",
    [
        {"external_id": "order-7", "model": "churn"},
        {"entity_id": "ann", "model": "models/churn", "event_time": -300.0},
    ],
    ids=["its caller's key", "entity and time"],
)
async def test_a_prediction_is_known_by_more_than_its_id(ask: Ask, order: str, key: dict[str, Any]) -> None:
    key = dated(key)
    reply = await ask("AddGroundTruth", truth(**key))
    assert (reply.prediction_id, reply.status) == (order, ACCEPTED)
    correction = await ask("AddGroundTruth", truth("stays", **key))
    assert correction.status == rpc.GROUND_TRUTH_STATUS_CORRECTED


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "two keys": ({"external_id": "order-7", "entity_id": "ann", "model": "churn"}, "entity_id"),
    "no owner": ({"external_id": "order-7"}, "router"),
    "two owners": ({"external_id": "order-7", "model": "churn", "router": "till"}, "model"),
    "no time": ({"entity_id": "ann", "model": "churn"}, "event_time"),
    "a time of no key": ({"prediction_id": "", "event_time": Timestamp(seconds=5)}, "prediction_id"),
    "an unknown model": ({"external_id": "order-7", "model": "nobody"}, "model"),
    "an unknown router": ({"external_id": "order-7", "router": "nobody"}, "router"),
    "a time of just now": (
        {"entity_id": "ann", "model": "churn", "event_time": -2.0}, "event_time",
    ),
    "an unknown key": ({"external_id": "order-8", "model": "churn"}, "external_id"),
    "a time before the first": (
        {"entity_id": "ann", "model": "churn", "event_time": Timestamp(seconds=1_700_000_000)}, "entity_id",
    ),
    "a long key": ({"external_id": "x" * 300, "model": "churn"}, "external_id"),
}  # fmt: skip


@pytest.mark.parametrize(("key", "field"), WRONG.values(), ids=WRONG)
async def test_what_leads_nowhere_is_refused(ask: Ask, order: str, key: dict[str, Any], field: str) -> None:
    with pytest.raises(RemoteError) as refused:
        await ask("AddGroundTruth", truth(**dated(key)))
    assert refused.value.fields[0].field == field


async def test_a_key_that_comes_at_once_is_told_to_come_again(ask: Ask, model: Model) -> None:
    """The prediction is logged, and nobody has counted it yet."""
    await ask("LogPrediction", logged(external_id="order-9", entity_id="ann"))
    with pytest.raises(
        RemoteError, match="a second or so after it was logged; send the truth again"
    ) as refused:
        await ask("AddGroundTruth", truth(external_id="order-9", model="churn"))
    assert (refused.value.code, refused.value.fields[0].field) == ("NOT_FOUND", "external_id")
    soon = truth(entity_id="ann", model="churn", event_time=at(0.0))
    with pytest.raises(RemoteError, match="event_time must be 5 seconds ago or more") as refused:
        await ask("AddGroundTruth", soon)
    assert (refused.value.code, refused.value.fields[0].field) == ("NOT_FOUND", "event_time")


@pytest.mark.parametrize(
    ("maker", "said"),
    [
        (
            {"router": "till"},
            "router must be what made the prediction, models/churn, or be left out",
        ),
        ({"model": "models/rival"}, "model must be what made the prediction, models/churn, or be left out"),
        ({"model": "No Model"}, "model must be models/{id} or {id}"),
    ],
)
async def test_who_names_a_prediction_and_another_maker_of_it_is_refused(
    ask: Ask, order: str, model: Model, connections: Connections, maker: dict[str, str], said: str
) -> None:
    """By whichever door: one of the two is a mistake, and nobody knows which."""
    wrong = truth(prediction_id=order, **maker)
    with pytest.raises(RemoteError) as refused:
        await ask("AddGroundTruth", wrong)
    assert refused.value.message.startswith(said)
    assert [one.field for one in refused.value.fields] == list(maker)
    (outcome, own) = (
        await ask("BatchAddGroundTruth", batch(wrong, truth(prediction_id=order, model="churn")))
    ).outcomes
    assert outcome.error.field == next(iter(maker))
    assert own.added.status == ACCEPTED
    assert len(await told(connections, model)) == 1


async def test_a_key_of_several_predictions_is_refused(
    ask: Ask, order: str, consume: Consume, model: Model
) -> None:
    await ask("LogPrediction", logged(external_id="order-7"))
    await consume(model.uid)
    with pytest.raises(RemoteError, match="stands for several predictions of models/churn"):
        await ask("AddGroundTruth", truth(external_id="order-7", model="churn"))


async def test_a_key_that_a_router_hashes_leads_nowhere(ask: Ask, connections: Connections) -> None:
    router = Router(name="routers/till")
    router.log.redact["external_id"] = REDACTION_HASHED
    await ConfigStore(connections, ROUTERS, time.time, random.Random(4)).create(router)
    with pytest.raises(RemoteError, match="does not log it"):
        await ask("AddGroundTruth", truth(external_id="order-7", router="till"))


async def test_what_is_older_than_its_record_is_kept_has_expired(ask: Ask) -> None:
    old = new_prediction_id(3, time.time() - 31 * 86_400, random.Random(1))
    reply = await ask("AddGroundTruth", truth(prediction_id=old))
    assert reply.status == rpc.GROUND_TRUTH_STATUS_EXPIRED


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_batch_has_one_to_a_thousand_rows(ask: Ask, count: int) -> None:
    with pytest.raises(RemoteError, match="1 to 1,000, got"):
        await ask("BatchAddGroundTruth", batch(*(truth(prediction_id="7") for _ in range(count))))


async def test_a_prediction_that_is_not_recorded_yet_waits_for_its_record(ask: Ask, model: Model) -> None:
    reply = await ask("LogPrediction", LogPredictionRequest(model="churn", label="stays"))
    (outcome,) = (await ask("BatchAddGroundTruth", batch(truth(prediction_id=reply.prediction_id)))).outcomes
    assert outcome.added.status == rpc.GROUND_TRUTH_STATUS_PENDING
