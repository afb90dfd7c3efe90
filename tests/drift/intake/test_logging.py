"""Predictions that were made elsewhere are logged as if a router had made them, each once."""

import asyncio
import math
import random
import time
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import analysis_pb2
from turnout.drift.v1.logging_pb2 import LogPredictionRequest, LogPredictionsRequest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import Input, TabularInput, Tensor, TensorContents, TensorInput
from turnout.inference.v1.manifest_pb2 import OUTCOME_SERVED, PARTICIPANT_ROLE_PRIMARY
from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1.model_pb2 import Model

from services.drift.baselines import MAX_FEATURES
from services.drift.wire import timestamp
from services.foundation.errors import RemoteError
from services.foundation.nesting import DEEPEST
from services.state import ids, outside
from services.state.connection import Connections
from services.state.errors import StoreFull
from services.state.ids import new_prediction_id
from services.state.outside import OutsideLog
from services.state.records import RecordStore
from tests.drift.conftest import Ask, creation
from tests.drift.intake.conftest import Consume, Send, batches
from tests.nested import nested


def logged(**changes: Any) -> LogPredictionRequest:
    """A prediction of models/churn for a customer."""
    said: dict[str, Any] = {
        "model": "churn",
        "input": {"row": {"age": 41, "amount": 12.5, "plan": "gold", "vip": True, "since": None}},
        "label": "stays",
        "score": 0.75,
    }
    request: LogPredictionRequest = ParseDict(said, LogPredictionRequest())
    request.MergeFrom(LogPredictionRequest(**changes))
    return request


def at(seconds: float) -> Timestamp:
    """A time so many seconds from now."""
    return timestamp(time.time() + seconds)


def dated(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with their times, which tables of tests give in seconds from now: the table is made when the
    tests are collected, and used much later."""
    times = ("time", "event_time")
    return {
        name: at(value) if name in times and isinstance(value, float) else value
        for name, value in fields.items()
    }


async def test_it_is_an_event_of_its_model_like_those_that_routers_write(
    ask: Ask, model: Model, consume: Consume, connections: Connections
) -> None:
    request = logged(
        external_id="order-7",
        entity_id="ann",
        attributes={"channel": "web"},
        segments={"region": "north"},
        latency=Duration(nanos=5_000_000),
        time=at(-60),
        event_time=at(-3600),
    )
    reply = await ask("LogPrediction", request)
    (event,) = await consume(model.uid)
    assert not reply.duplicate
    assert event.manifest.prediction_id == reply.prediction_id
    assert ids.partition_of(reply.prediction_id) == ids.partition_for(model.uid)
    assert (event.router_uid, event.manifest.router) == (model.uid, "")
    (served,) = event.manifest.participants
    assert (served.model, served.role) == ("models/churn", PARTICIPANT_ROLE_PRIMARY)
    assert (served.outcome, served.latency.nanos) == (OUTCOME_SERVED, 5_000_000)
    assert dict(event.features.numeric_features) == {"age": 41, "amount": 12.5}
    assert dict(event.features.categorical_features) == {"plan": "gold", "vip": "true"}
    assert list(event.features.missing) == ["since"]
    assert event.output.classification.label == "stays"
    assert event.outputs[0].output.classification.probabilities[0].probability == 0.75
    assert abs(event.time.ToNanoseconds() - request.time.ToNanoseconds()) < 1_000_000
    assert event.event_time == request.event_time
    assert (dict(event.attributes), dict(event.segments)) == ({"channel": "web"}, {"region": "north"})
    record = await RecordStore(connections).read(reply.prediction_id)
    assert record is not None
    assert record.event == event


async def test_what_is_logged_counts_against_the_baseline(ask: Ask, model: Model, consume: Consume) -> None:
    await ask("CreateBaseline", creation())
    tensors = [
        Tensor(name=name, datatype="FP64", shape=[3], contents=TensorContents(fp64_contents=values))
        for name, values in {"age": [30, 40, math.nan], "amount": [1, 2, math.inf]}.items()
    ]
    three = LogPredictionRequest(model="churn", input=Input(tensors=TensorInput(tensors=tensors)))
    await ask("LogPrediction", three)
    await ask("LogPrediction", logged())
    await consume(model.uid)
    result = (await ask("Analyze", analysis_pb2.AnalyzeRequest(model="churn"))).result
    assert result.rows == 4


@pytest.mark.parametrize(
    "keyed",
    [
        {"external_id": "order-7", "request_id": "r-1"},
        {"external_id": "order-7", "request_id": "r-1", "time": -5.0},
        {"prediction_id": ""},
    ],
    ids=["by its keys", "by its keys and time", "by its id"],
)
async def test_sent_again_it_counts_once(
    ask: Ask, model: Model, consume: Consume, connections: Connections, keyed: dict[str, Any]
) -> None:
    if "prediction_id" in keyed:
        partition = ids.partition_for(model.uid)
        keyed = {"prediction_id": new_prediction_id(partition, time.time(), random.Random(8))}
    keyed = dated(keyed)
    replies = await asyncio.gather(*(ask("LogPrediction", logged(**keyed)) for _ in range(4)))
    assert len({reply.prediction_id for reply in replies}) == 1
    assert sorted(reply.duplicate for reply in replies) == [False, True, True, True]
    assert len(await consume(model.uid)) == 1
    # Those with an id, or a time to make one of, are known by their records when their keys are forgotten.
    await connections.steady.delete(*await connections.steady.keys("*:logged:*"))
    again = await ask("LogPrediction", logged(**keyed))
    assert again.duplicate == ("time" in keyed or "prediction_id" in keyed)


async def test_a_question_that_is_asked_twice_is_two_predictions(ask: Ask, model: Model) -> None:
    one, two = [await ask("LogPrediction", logged(external_id="order-7")) for _ in range(2)]
    assert one.prediction_id != two.prediction_id
    assert not two.duplicate


async def test_a_lost_reply_is_no_second_prediction(connections: Connections, model: Model) -> None:
    partition = ids.partition_for(model.uid)
    event = PredictionEvent(router_uid=model.uid)
    event.manifest.prediction_id = new_prediction_id(partition, time.time(), random.Random(8))
    log = OutsideLog(connections, "writer")
    first, again = [(await log.append([outside.Outside(event)]))[0] for _ in range(2)]
    assert first == again == outside.Logged(event.manifest.prediction_id, False)
    assert len(await batches(connections, model.uid)) == 1


async def test_a_stream_is_logged_in_few_entries_and_each_item_is_answered_for_itself(
    send: Send, model: Model, connections: Connections
) -> None:
    some = [logged(external_id=f"order-{place}", request_id="r") for place in range(1200)]
    some[700] = logged(label="", score=math.nan)
    some[701].model = "nobody"
    some[702].external_id = "order-5"
    messages = [LogPredictionsRequest(predictions=some[begin : begin + 400]) for begin in (0, 400, 800)]
    reply = await send("LogPredictions", messages)
    assert (reply.items, reply.logged, reply.duplicates, reply.refused) == (1200, 1197, 1, 2)
    assert [(one.index, one.field, one.code) for one in reply.errors] == [
        (700, "score", "INVALID_ARGUMENT"),
        (701, "model", "NOT_FOUND"),
    ]
    assert len(await batches(connections, model.uid)) < 12
    again = await send("LogPredictions", messages)
    assert (again.logged, again.duplicates) == (0, 1198)


async def test_what_is_sent_together_was_made_in_its_order(
    send: Send, model: Model, consume: Consume
) -> None:
    """Lists order by id: of two that came in one message, the later is the newer."""
    some = [logged(external_id=f"order-{place:02}", request_id="r") for place in range(20)]
    await send("LogPredictions", [LogPredictionsRequest(predictions=some)])
    events = sorted(await consume(model.uid), key=lambda event: event.manifest.prediction_id)
    assert [event.external_id for event in events] == [one.external_id for one in some]


async def test_a_message_names_the_model_of_its_items(send: Send, model: Model) -> None:
    bare = logged()
    bare.model = ""
    reply = await send("LogPredictions", [LogPredictionsRequest(model="churn", predictions=[bare])])
    assert reply.logged == 1


async def test_errors_of_a_stream_are_capped(send: Send, model: Model) -> None:
    reply = await send(
        "LogPredictions", [LogPredictionsRequest(model="churn", predictions=[LogPredictionRequest()] * 300)]
    )
    assert (reply.refused, len(reply.errors)) == (300, 100)


async def test_a_message_of_too_many_says_what_is_logged(send: Send, model: Model) -> None:
    some = LogPredictionsRequest(predictions=[logged()] * 600)
    many = LogPredictionsRequest(predictions=[LogPredictionRequest()] * 1001)
    with pytest.raises(RemoteError, match="1 to 1,000 of a message, got 1,001; the first 500 are logged"):
        await send("LogPredictions", [some, some, many])


async def test_a_full_stream_takes_no_more(connections: Connections, model: Model) -> None:
    log = OutsideLog(connections, "writer", most_bytes=10)
    outcomes: list[Any] = []
    for seed in range(2):
        event = PredictionEvent(router_uid=model.uid)
        place = random.Random(seed)
        event.manifest.prediction_id = new_prediction_id(ids.partition_for(model.uid), time.time(), place)
        outcomes += await log.append([outside.Outside(event)])
    assert isinstance(outcomes[0], outside.Logged)
    assert isinstance(outcomes[1], StoreFull)
    assert len(await batches(connections, model.uid)) == 1


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing to log": ({"input": Input(), "label": "", "score": None}, "input"),
    "a time ahead": ({"time": 120.0}, "time"),
    "a time of long ago": ({"time": -40 * 86_400.0}, "time"),
    "an event ahead": ({"event_time": 3600.0}, "event_time"),
    "an event of long ago": ({"event_time": -100 * 86_400.0}, "event_time"),
    "a time that is none": ({"time": Timestamp(seconds=-5)}, "time"),
    "a long key": ({"external_id": "x" * 300}, "external_id"),
    "a long entity": ({"entity_id": "x" * 300}, "entity_id"),
    "a strange id": ({"prediction_id": "7"}, "prediction_id"),
    "an id and a time": ({"prediction_id": "OWN", "time": -5.0}, "time"),
    "an id of another partition": ({"prediction_id": "OTHER"}, "prediction_id"),
    "an old id": ({"prediction_id": "018bcfe5-69f4-7000-8591-b7582265b1f5"}, "prediction_id"),
    "a score that is none": ({"score": math.nan}, "score"),
    "a probability above one": ({"score": 1.5}, "score"),
    "a number without end": ({"label": "", "score": math.inf}, "score"),
    "a long label": ({"label": "x" * 2000}, "label"),
    "a latency before it began": ({"latency": Duration(seconds=-1)}, "latency"),
    "many attributes": ({"attributes": {str(one): "" for one in range(65)}}, "attributes"),
    "many segments": ({"segments": {str(one): "x" for one in range(9)}}, "segments"),
    "a segment without a value": ({"segments": {"region": ""}}, "segments['region']"),
    "a segment of a long name": ({"segments": {"x" * 65: "north"}}, f"segments['{'x' * 40}']"),
    "a segment of a long value": ({"segments": {"region": "x" * 257}}, "segments['region']"),
    "too many features": (
        {
            "input": Input(
                tabular=TabularInput(numeric_features={str(one): one for one in range(MAX_FEATURES + 1)})
            )
        },
        "input.tabular",
    ),
    "a feature twice": (
        {"input": Input(tabular=TabularInput(numeric_features={"a": 1}, categorical_features={"a": "x"}))},
        "input.tabular",
    ),
    "tensors that do not fit their shape": (
        {"input": Input(tensors=TensorInput(tensors=[Tensor(name="age", datatype="FP64", shape=[3])]))},
        "input.tensors.tensors[0].contents.fp64_contents",
    ),
    "tensors of a strange type": (
        {"input": Input(tensors=TensorInput(tensors=[Tensor(name="age", datatype="FP65", shape=[3])]))},
        "input.tensors.tensors[0].datatype",
    ),
    "an unknown model": ({"model": "nobody"}, "model"),
    "a model that is no name": ({"model": "Not A Name"}, "model"),
}


@pytest.mark.parametrize(("changes", "field"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_refused_by_the_name_of_its_field(
    ask: Ask, model: Model, connections: Connections, changes: dict[str, Any], field: str
) -> None:
    request: Any = logged()
    own = ids.partition_for(model.uid)
    places = {"OWN": own, "OTHER": (own + 1) % 64}
    for name in changes:
        request.ClearField(name)
    request.MergeFrom(LogPredictionRequest(**dated(changes)))
    if request.prediction_id in places:
        place = places[request.prediction_id]
        request.prediction_id = new_prediction_id(place, time.time(), random.Random(4))
    with pytest.raises(RemoteError) as refused:
        await ask("LogPrediction", request)
    assert refused.value.fields[0].field == field
    assert refused.value.code in ("INVALID_ARGUMENT", "NOT_FOUND")
    assert await batches(connections, model.uid) == []


RAW = {
    "both an output and a label": (
        {"output": {"classification": {"label": "stays"}}, "label": "stays"}, "label"
    ),
    "a label of two probabilities": (
        {
            "output": {
                "classification": {
                    "label": "a",
                    "probabilities": [{"label": one, "probability": 0.3} for one in "aba"],
                }
            }
        },
        "output.classification.probabilities[2].label",
    ),
    "an output of no kind": ({"output": {}}, "output"),
    "a probability of two": (
        {"output": {"classification": {"label": "a", "probabilities": [{"label": "a", "probability": 2}]}}},
        "output.classification.probabilities[0].probability",
    ),
    "numbers that are none": (
        {"output": {"regression": {"values": [1, "NaN"]}}}, "output.regression.values[1]"
    ),
    "no numbers": ({"output": {"regression": {}}}, "output.regression.values"),
    "a nested feature": ({"input": {"row": {"a": [1]}}, "label": "x"}, "input.row['a']"),
    "rows that do not match": (
        {"input": {"row": {"a": 1}}, "output": {"regression": {"values": [1, 2]}}}, "output"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "field"), RAW.values(), ids=RAW)
async def test_answers_are_checked(ask: Ask, model: Model, said: dict[str, Any], field: str) -> None:
    with pytest.raises(RemoteError) as refused:
        await ask("LogPrediction", ParseDict({"model": "churn", **said}, LogPredictionRequest()))
    assert refused.value.fields[0].field == field


async def test_an_answer_is_nested_as_deeply_as_may_be_and_no_more(
    ask: Ask, model: Model, consume: Consume
) -> None:
    for objects in (True, False):
        said = LogPredictionRequest(model="churn", output=Output(json=nested(DEEPEST, objects=objects)))
        await ask("LogPrediction", said)
        said.output.json.CopyFrom(nested(DEEPEST + 1, objects=objects))
        with pytest.raises(RemoteError) as refused:
            await ask("LogPrediction", said)
        (wrong,) = refused.value.fields
        assert wrong == ("output.json", f"JSON of at most {DEEPEST} levels expected")
    told = [event.outputs[0].output.json for event in await consume(model.uid)]
    assert told == [nested(DEEPEST), nested(DEEPEST, objects=False)]


async def test_what_people_said_leaves_its_length_only(ask: Ask, model: Model, consume: Consume) -> None:
    await ask("LogPrediction", LogPredictionRequest(model="churn", input=Input(text="my card is lost")))
    (event,) = await consume(model.uid)
    assert (event.input_kind, event.content_bytes) == ("text", 17)
    assert b"card" not in event.SerializeToString()
