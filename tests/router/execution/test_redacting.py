"""What a router is told not to log is in no event, and all else is."""

from typing import Any

import pytest
from turnout.inference.v1.event_pb2 import EventBatch, ParticipantEvent, PredictionEvent
from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1.inference_service_pb2 import PredictRequest
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, Model
from turnout.router.v1.router_pb2 import REDACTION_FULL, REDACTION_HASHED, REDACTION_NONE, Router

from services.router.execution.large import PREFIX
from services.router.execution.redacting import Redactor, redactor_of
from services.state import keys
from services.state.connection import Connections
from services.state.ids import partition_for
from tests.models.chat_server import chat_server
from tests.router.conftest import BAYES, Desk, doctors
from tests.router.resource.asking import ask, fields_of, refusal
from tests.waiting import eventually

FULL, HASHED, NONE = REDACTION_FULL, REDACTION_HASHED, REDACTION_NONE
SECRET = b"s" * 32
CHAT = Input(chat={"messages": [{"role": "user", "content": "my name is Ann"}]})


def event() -> PredictionEvent:
    made = PredictionEvent(input_kind="tabular", entity_id="ann", external_id="x-1")
    made.attributes["plan"] = "gold"
    made.features.numeric_features.update({"age": 33.0, "amount": 5.0})
    made.features.categorical_features["city"] = "Ulm"
    made.features.missing.append("income")
    made.output.classification.label = "churn"
    made.outputs.add(participant=0).output.text.content = "hello Ann"
    return made


def written(rules: dict[str, Any], given: PredictionEvent | None = None, uid: str = "r") -> PredictionEvent:
    raw = (given or event()).SerializeToString()
    return PredictionEvent.FromString(Redactor(uid, rules).event(raw, SECRET))


def test_a_router_without_rules_redacts_nothing() -> None:
    assert redactor_of(Router(), [Model()]) is None
    assert redactor_of(Router(log={"redact": {"age": FULL}}), [Model()]) is None
    assert written({}) == event()


def test_a_feature_is_left_out_or_hashed_by_its_name() -> None:
    found = written({"age": NONE, "city": HASHED})
    assert dict(found.features.numeric_features) == {"amount": 5.0}
    (city,) = found.features.categorical_features.values()
    assert city.startswith(PREFIX)
    assert "Ulm" not in city
    assert sorted(found.withheld) == ["age", "city"]
    assert list(found.features.missing) == ["income"]


def test_a_hashed_number_is_a_category_that_tells_equal_values() -> None:
    first, second = written({"age": HASHED}), written({"age": HASHED})
    assert "age" not in first.features.numeric_features
    assert first.features.categorical_features["age"] == second.features.categorical_features["age"]


def test_input_is_all_features_and_a_name_goes_before_it() -> None:
    found = written({"input": NONE, "amount": FULL})
    assert dict(found.features.numeric_features) == {"amount": 5.0}
    assert not found.features.categorical_features
    assert not found.features.missing
    assert sorted(found.withheld) == ["age", "city", "income"]


def test_attributes_and_keys_are_hidden_by_their_names() -> None:
    found = written({"plan": NONE, "entity_id": HASHED, "external_id": NONE})
    assert not found.attributes
    assert found.entity_id.startswith(PREFIX)
    assert found.external_id == ""
    assert written({"plan": HASHED}).attributes["plan"].startswith(PREFIX)


def test_an_output_that_is_hidden_cannot_be_taken_for_a_wrong_one() -> None:
    found = written({"output": HASHED})
    assert not found.HasField("output")
    assert found.outputs[0].output.text.content.startswith(PREFIX)
    found = written({"output": NONE})
    assert not found.outputs
    late = ParticipantEvent(output=Output(text={"content": "hello Ann"}))
    Redactor("r", {"output": NONE}).late(late, SECRET)
    assert not late.HasField("output")


def test_tensors_are_left_out_where_a_column_of_theirs_may_be_hidden() -> None:
    given = PredictionEvent(input_kind="tensors")
    given.tensors.tensors.add(name="input", datatype="FP64", shape=[1])
    assert written({"age": NONE}, given).HasField("tensors") is False
    assert written({"output": NONE}, given).HasField("tensors")


def test_hashes_differ_by_name_router_and_secret() -> None:
    twins = PredictionEvent(attributes={"a": "same", "b": "same"})
    rules = {"a": HASHED, "b": HASHED}
    found = written(rules, twins)
    other = PredictionEvent.FromString(Redactor("r", rules).event(twins.SerializeToString(), b""))
    assert len({found.attributes["a"], found.attributes["b"], other.attributes["a"]}) == 3
    assert written(rules, twins, uid="other").attributes["a"] != found.attributes["a"]


@pytest.mark.parametrize(
    ("rules", "logged"),
    [({}, "hash"), ({"input": HASHED}, "hash"), ({"input": FULL}, "whole"), ({"input": NONE}, "nothing")],
)
def test_conversations_are_hashed_unless_the_router_says_otherwise(
    rules: dict[str, Any], logged: str
) -> None:
    redactor = redactor_of(Router(uid="r", log={"redact": rules}), [Model(protocol=PROTOCOL_OPENAI_CHAT)])
    assert redactor is not None
    raw = redactor.content(CHAT, SECRET)
    found = PredictionEvent.FromString(raw)
    assert (b"Ann" in raw) is (logged == "whole")
    assert (found.content_bytes > 0) is (logged == "hash")
    assert found.content_hash.startswith(PREFIX) is (logged == "hash")
    assert found.HasField("content") is (logged == "whole")


async def logged(connections: Connections, router: Router) -> PredictionEvent:
    async def one() -> list[PredictionEvent]:
        entries = await connections.steady.xrange(keys.events(partition_for(router.uid)))
        batches = [EventBatch.FromString(next(iter(fields.values()))) for _, fields in entries]
        return [PredictionEvent.FromString(raw) for batch in batches for raw in batch.predictions]

    (found,) = await eventually(one)
    return found


async def test_the_reply_has_what_the_log_has_not(desk: Desk, connections: Connections) -> None:
    router = doctors(log={"redact": {"mean radius": NONE, "output": NONE, "entity_id": HASHED}})
    made = await desk.deploy("cancer", router)
    reply = await desk.predict("cancer", entity_id="ann")
    assert reply.output.classification.label
    found = await logged(connections, made)
    assert found.manifest.prediction_id == reply.prediction_id
    assert list(found.withheld) == ["mean radius"]
    assert set(found.features.numeric_features) == set(BAYES) - {"mean radius"}
    assert not found.HasField("output")
    assert found.entity_id.startswith(PREFIX)


async def test_what_is_said_to_a_chat_is_not_in_the_log(desk: Desk, connections: Connections) -> None:
    async with chat_server() as server:
        for name in ("writer", "other"):
            endpoints = [{"address": server.url}]
            await desk.register(Model(name=name, protocol=PROTOCOL_OPENAI_CHAT, endpoints=endpoints))
        made = await desk.deploy("prose", Router(variants=[{"model": "writer"}, {"model": "other"}]))
        reply = await desk.call("InferenceService/Predict", PredictRequest(router="prose", input=CHAT))
    assert reply.output.text.content == "MY NAME IS ANN"
    found = await logged(connections, made)
    assert b"ann" not in found.SerializeToString().lower()
    assert found.content_bytes == len(CHAT.SerializeToString())
    assert found.output.text.content.startswith(PREFIX)


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"age": 0}, "router.log.redact['age']"),
        ({"age": 9}, "router.log.redact['age']"),
        ({"": NONE}, "router.log.redact"),
        ({"x" * 257: NONE}, "router.log.redact"),
        ({f"f{number}": NONE for number in range(257)}, "router.log.redact"),
    ],
)
async def test_rules_that_are_none_are_refused(desk: Desk, rules: dict[str, Any], field: str) -> None:
    error = await refusal(desk, "CreateRouter", router_id="odd", router=doctors(log={"redact": rules}))
    assert fields_of(error) == [field]


async def test_a_rule_for_what_nobody_reads_is_told(desk: Desk) -> None:
    router = doctors(log={"redact": {"mean radios": NONE, "output": NONE, "x" * 256: FULL}})
    told = (await ask(desk, "CreateRouter", router_id="odd", router=router)).warnings
    assert "log.redact: no variant reads 'mean radios', and it is no declared attribute" in told
    assert any("no accuracy can be measured" in one for one in told)
