"""Conditions, schemas and verdicts: what they take, what they refuse, and what they say."""

from typing import Any

import numpy as np
import pytest
from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.output_pb2 import Classification, Output, TextOutput

from services.aggregator.answers import Ballot, Classes, Numbers
from services.aggregator.checking import holds
from services.aggregator.checks.condition import BadCondition, Condition, NotEvaluated
from services.aggregator.checks.schema import BadSchema, Schema
from services.aggregator.checks.verifier import NoVerdict, Verifier
from services.aggregator.prompts import VERDICT
from services.aggregator.testimony import Vote
from services.aggregator.voices import Helper
from services.aggregator.wire.answers import output_of


@pytest.mark.parametrize(
    ("text", "names", "held"),
    [
        ("label == 'a' && confidence > 0.5", {"label": "a", "confidence": 0.7}, True),
        ("probabilities['b'] > 0.5", {"probabilities": {"a": 0.7, "b": 0.3}}, False),
        ("json.total == 3 || json.total > 10.5", {"json": {"total": 11}}, True),
        ("has(json.city)", {"json": {}}, False),
        ("text.matches('^[A-Z]')", {"text": "Paris"}, True),
    ],
)
def test_conditions_speak_of_the_answer(text: str, names: dict[str, Any], held: bool) -> None:
    assert Condition(text).holds(names) is held


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("label == 'yes'", "row 1: not so"),
        ("confidence >= 0.6", ""),
        ("confidence > 0.6", "row 1: not so"),
        ("probabilities['yes'] > 0.6", "row 1: not so"),
        ("label == 'yes' || probabilities['no'] > 0.5", ""),
    ],
)
def test_of_a_batch_every_row_is_checked(text: str, said: str) -> None:
    chances = np.array([[0.25, 0.75], [0.6, 0.4]])
    answer = Classes(("no", "yes"), np.array([1, 0]), chances)
    vote = Vote(Ballot("a", answer, confidence=chances.max(axis=1)), (), output_of(answer))
    ruling = holds(Condition(text), Input(), vote)
    assert (ruling.accepted, ruling.failed) == (not said, False)
    assert ruling.reason.startswith(said)


def test_of_several_numbers_every_one_is_checked() -> None:
    answer = Numbers(np.array([5.0, -1000.0]))
    vote = Vote(Ballot("a", answer), (), output_of(answer))
    assert not holds(Condition("value > 0.0"), Input(), vote).accepted
    assert holds(Condition("value > -2000.0"), Input(), vote).accepted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("labell == 'a'", "does not know labell; there are label, confidence"),
        ("label ==", "is no CEL"),
        ("label > 3", "what does not go together: No such overload"),
        ("json.items.all(x, x > 1)", "uses all\\(\\): comprehensions are not allowed"),
        ("label == '" + "a" * 1024 + "'", "at most 1024 are allowed"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadCondition, match=said):
        Condition(text)


@pytest.mark.parametrize("text", ["json.total > 1", "confidence > 0.5", "input", "label == json.name"])
def test_a_condition_on_what_is_not_there_is_not_answered(text: str) -> None:
    with pytest.raises(NotEvaluated):
        Condition(text).holds({"label": "a"})


def test_a_schema_says_where_and_what_is_wrong() -> None:
    schema = Schema(
        {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    )
    assert schema.complaint({"n": 2}) == ""
    assert schema.complaint({"n": 0}).startswith("/n: 0 is less than")
    assert "'n' is a required property" in schema.complaint({})


def test_patterns_are_of_re2_and_run_in_linear_time() -> None:
    schema = Schema({"type": "string", "pattern": "^(a+)+$"})
    assert schema.complaint("a" * 40) == ""
    # Python's own engine would be at this for longer than anybody lives.
    assert "does not match" in schema.complaint("a" * 40 + "!")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"type": "nothing"}, "no JSON Schema at /type"),
        ({"properties": {"a": {"pattern": "(?=a)"}}}, "/properties/a/pattern: an RE2 expression expected"),
        ({"patternProperties": {"^a": {}}}, "/patternProperties: not available"),
    ],
)
def test_what_is_no_schema_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSchema, match=said.replace("(", r"\(")):
        Schema(given)


@pytest.mark.parametrize(
    "given", [{"$ref": "#/$defs/a"}, {"$ref": "http://example.com/schema"}, {"$ref": "#"}]
)
def test_a_reference_that_leads_nowhere_is_told_and_never_followed_out(given: dict[str, Any]) -> None:
    with pytest.raises(BadSchema, match=r"^/\$ref: a place in the schema, as in #/\$defs/name, expected"):
        Schema(given)


def test_a_reference_that_leads_on_for_ever_is_told_when_it_is_followed() -> None:
    endless = Schema({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}})
    with pytest.raises(BadSchema, match=r"a \$ref leads nowhere, or for ever"):
        endless.complaint({"a": 1})


def text(content: str) -> Output:
    return Output(text=TextOutput(content=content))


def test_a_verdict_is_read_strictly() -> None:
    verifier = Verifier(Helper("models/v"), Schema(VERDICT))
    assert verifier.verdict(text('{"accept": true, "reason": "right"}')) == (True, "right")
    assert verifier.verdict(text('{"accept": false, "reason": ""}')) == (False, "")
    for content in ("yes", '{"accept": "yes", "reason": ""}', '{"accept": true}', "", "[true]"):
        with pytest.raises(NoVerdict):
            verifier.verdict(text(content))


def test_a_score_is_compared_and_a_label_looked_up() -> None:
    scoring = Verifier(Helper("models/v"), Schema({}), pointer="/scores/0", min_score=0.6)
    assert scoring.verdict(text('{"scores": [0.6]}'))[0]
    assert not scoring.verdict(text('{"scores": [0.59]}'))[0]
    with pytest.raises(NoVerdict, match="nothing at /scores/0"):
        scoring.verdict(text('{"scores": []}'))
    with pytest.raises(NoVerdict, match="a score of 0 to 1 expected"):
        scoring.verdict(text('{"scores": [7]}'))
    safe = Verifier(Helper("models/v"), Schema({}), accept_labels=frozenset({"safe"}))
    assert safe.verdict(Output(classification=Classification(label="safe"))) == (True, "it is safe")
    assert not safe.verdict(Output(classification=Classification(label="toxic")))[0]


def test_what_the_answer_has_not_is_told_in_words() -> None:
    with pytest.raises(NotEvaluated, match=r"json\.total > 1: the answer has no json: it is not JSON"):
        Condition("json.total > 1").holds({"text": "about five"})
    with pytest.raises(NotEvaluated, match=r"json\.total > 1: there is no 'total'"):
        Condition("json.total > 1").holds({"json": {}})
    with pytest.raises(NotEvaluated, match="the answer has no confidence"):
        Condition("confidence > 0.5").holds({"text": "about five"})


@pytest.mark.parametrize("text", ["confidence", "label", "1 + 1", "size(text)", "probabilities"])
def test_a_condition_that_is_never_true_nor_false_is_none(text: str) -> None:
    with pytest.raises(BadCondition, match="a condition is true or false"):
        Condition(text)
