"""Combining outputs that are handed in, over a real channel."""

import math
from typing import Any

import pytest
from turnout.aggregator.v1.aggregator_service_pb2 import AggregateRequest, AggregateResponse, WeightedOutput
from turnout.inference.v1.output_pb2 import Output, Regression, TextOutput
from turnout.router.v1 import strategy_pb2

from services.foundation.errors import RemoteError
from tests.aggregator.conftest import Bench
from tests.aggregator.wire.test_answers import classified

VOTE = strategy_pb2.AGGREGATION_METHOD_VOTE
WEIGHTED = strategy_pb2.AGGREGATION_METHOD_WEIGHTED_AVERAGE
DECLARED = strategy_pb2.WEIGHT_SOURCE_DECLARED
MAX = strategy_pb2.AGGREGATION_METHOD_MAX_CONFIDENCE


def number(variant: str, value: float, **declared: Any) -> WeightedOutput:
    return WeightedOutput(variant=variant, output=Output(regression=Regression(values=[value])), **declared)


def labelled(variant: str, label: str, **declared: Any) -> WeightedOutput:
    return WeightedOutput(variant=variant, output=classified(label), **declared)


async def aggregate(bench: Bench, *outputs: WeightedOutput, **fields: Any) -> AggregateResponse:
    request = AggregateRequest(outputs=outputs, **fields)
    reply: AggregateResponse = await bench.aggregate(request, timeout=20.0)
    return reply


async def refused(bench: Bench, *outputs: WeightedOutput, **fields: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await aggregate(bench, *outputs, **fields)
    return caught.value


async def test_average_is_the_default(bench: Bench) -> None:
    reply = await aggregate(bench, number("a", 1), number("b", 4))
    assert list(reply.output.regression.values) == [2.5]
    assert reply.aggregation.method == "average"
    assert reply.aggregation.divergence == 1.5
    assert not reply.aggregation.HasField("agreement")
    assert (reply.aggregation.quorum_wanted, reply.aggregation.quorum_met) == (2, 2)


async def test_weights_and_confidence_decide_as_the_source_says(bench: Bench) -> None:
    outputs = [number("a", 10, weight=1, confidence=0.9), number("b", 20, weight=9, confidence=0.1)]
    declared = await aggregate(bench, *outputs, aggregation=WEIGHTED)
    assert declared.output.regression.values[0] == pytest.approx(19)
    source = strategy_pb2.WEIGHT_SOURCE_CONFIDENCE
    confident = await aggregate(bench, *outputs, aggregation=WEIGHTED, weight_source=source)
    assert confident.output.regression.values[0] == pytest.approx(11)


async def test_a_vote_tells_who_dissents_and_that_there_was_a_tie(bench: Bench) -> None:
    reply = await aggregate(bench, labelled("a", "x"), labelled("b", "y"), aggregation=VOTE)
    assert reply.output.classification.label == "x"
    assert list(reply.aggregation.dissenting) == ["b"]
    assert reply.aggregation.agreement == 0
    assert reply.aggregation.tie


async def test_the_most_confident_text_is_passed_on_as_it_is(bench: Bench) -> None:
    said = [TextOutput(content="maybe", confidence=0.2), TextOutput(content="surely", finish_reason="stop")]
    outputs = [
        WeightedOutput(variant=name, output=Output(text=text)) for name, text in zip("ab", said, strict=True)
    ]
    outputs[1].confidence = 0.8
    reply = await aggregate(bench, *outputs, aggregation=MAX)
    assert reply.output.text == said[1]


async def test_answers_that_do_not_fit_together_are_a_failed_precondition(bench: Bench) -> None:
    error = await refused(bench, number("a", 1), labelled("b", "x"))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "CANNOT_COMBINE")
    assert error.message == "members answered in different kinds: a with numbers, b with labels"


async def test_a_weighted_average_of_nothing_to_weigh_by_is_refused(bench: Bench) -> None:
    error = await refused(bench, number("a", 1), number("b", 2), aggregation=WEIGHTED)
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "CANNOT_COMBINE")
    assert error.facts["members"] == "a, b"


@pytest.mark.parametrize(
    ("outputs", "fields", "field", "said"),
    [
        ([], {}, "outputs", "1 to 64 outputs expected, got 0"),
        ([number("", 1)], {}, "outputs[0].variant", "is required"),
        ([number("a", 1), number("a", 2)], {}, "outputs[1].variant", "'a' is used twice"),
        ([number("a", 1, weight=-2)], {}, "outputs[0].weight", "a finite number from 0 expected, got -2"),
        ([number("a", 1, weight=0)], {"aggregation": WEIGHTED}, "outputs", "at least one weight above 0"),
        ([number("a", 1, confidence=1.5)], {}, "outputs[0].confidence", "a number from 0 to 1 expected"),
        ([number("a", 1, confidence=float("nan"))], {}, "outputs[0].confidence", "a number from 0 to 1"),
        ([number("a", float("inf"))], {}, "outputs[0].output.regression.values", "finite numbers expected"),
        ([WeightedOutput(variant="a")], {}, "outputs[0].output", "an answer is required"),
        ([labelled("a", "")], {}, "outputs[0].output.classification.label", "a label is required"),
        ([number("a", 1)], {"weight_source": DECLARED}, "weight_source", "weight_source has no effect"),
        ([number("a", 1)], {"aggregation": 99}, "aggregation", "one of vote"),
        ([number("a", 1)], {"extraction": {}}, "extraction", "one of regex, json_pointer, labels expected"),
        ([WeightedOutput(variant="a", output=Output(json={"number_value": math.nan}))], {},
         "outputs[0].output.json", "JSON expected, which has no NaN and no infinity"),
    ],
)  # fmt: skip
async def test_outputs_that_cannot_be_read_are_refused_by_field(
    bench: Bench, outputs: list[WeightedOutput], fields: dict[str, Any], field: str, said: str
) -> None:
    error = await refused(bench, *outputs, **fields)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert [one.field for one in error.fields] == [field]
    assert error.fields[0].description.startswith(said)
    assert error.message.startswith(f"the outputs cannot be combined: {field}: {said}")


async def test_a_cascade_combines_nothing_and_is_refused(bench: Bench) -> None:
    error = await refused(bench, number("a", 1), aggregation=strategy_pb2.AGGREGATION_METHOD_CASCADE)
    assert error.code == "INVALID_ARGUMENT"
    assert error.fields[0].field == "aggregation"
    assert error.fields[0].description.endswith("json_majority expected, got cascade")


TEXTS = [
    WeightedOutput(variant=name, output=Output(text=TextOutput(content=said)), embedding=vector)
    for name, said, vector in (("a", "Paris", [1, 0]), ("b", "It is Paris.", [1, 0]), ("c", "No.", [0, 1]))
]
MEAN, MAJORITY = (
    strategy_pb2.AGGREGATION_METHOD_SEMANTIC_MEAN,
    strategy_pb2.AGGREGATION_METHOD_JSON_MAJORITY,
)


async def test_no_label_is_a_text_however_it_begins(bench: Bench) -> None:
    """Nor JSON: what is of another kind is another answer."""
    odd = [labelled("a", "\0text Paris"), labelled("b", '\0json {"x":1}')]
    said = WeightedOutput(variant="c", output=Output(text=TextOutput(content="Paris")))
    form = WeightedOutput(variant="d")
    form.output.json.struct_value.update({"x": 1})
    call = WeightedOutput(variant="f", output=Output(text=TextOutput(tool_calls=[{"name": "look"}])))
    like = WeightedOutput(variant="g")
    like.output.json.list_value.values.add().struct_value.update({"name": "look", "arguments": {}})
    others = (said, form, labelled("e", "Paris"), call, like)
    reply = await aggregate(bench, *odd, *others, aggregation=VOTE)
    assert reply.aggregation.agreement == 0
    assert reply.aggregation.confidence == pytest.approx(1 / 7)
    assert list(reply.aggregation.dissenting) == ["b", "c", "d", "e", "f", "g"]


async def test_how_sure_a_verdict_is_leaves_with_it(bench: Bench) -> None:
    """Of a mean of meanings the cosine with the centroid, of votes the share behind the winner."""
    meant = await aggregate(bench, *TEXTS, aggregation=MEAN)
    assert meant.aggregation.confidence == pytest.approx(2 / 5**0.5)
    cities = ("Paris", "Paris", "Lyon")
    forms = [WeightedOutput(variant=name, output=Output()) for name in "abc"]
    for form, city in zip(forms, cities, strict=True):
        form.output.json.struct_value.update({"city": city})
    agreed = await aggregate(bench, *forms, aggregation=MAJORITY)
    assert agreed.aggregation.confidence == pytest.approx(2 / 3)
    said = [
        WeightedOutput(variant=name, output=Output(text=TextOutput(content=city)))
        for name, city in zip("abc", cities, strict=True)
    ]
    voted = await aggregate(bench, *said, aggregation=VOTE)
    assert voted.aggregation.confidence == pytest.approx(2 / 3)
    sure = [number("a", 1, confidence=0.4), number("b", 2, confidence=0.7)]
    assert (await aggregate(bench, *sure, aggregation=MAX)).aggregation.confidence == pytest.approx(0.7)
    assert not (await aggregate(bench, *sure)).aggregation.HasField("confidence")


async def test_what_a_method_notes_is_told(bench: Bench) -> None:
    """As it is with the answer of a jury."""
    by_field = {"json_majority": {"by_field": True}, "aggregation": MAJORITY}
    forms = [structure("a", x=[1.0], y=[1.0]), structure("b", x=[1.0], y=[2.0])]
    reply = await aggregate(bench, *forms, **by_field)
    assert list(reply.warnings) == ["level at /y: confidence or the declared order decided"]
    sure = await aggregate(bench, labelled("a", "x"), labelled("b", "x"))
    assert list(sure.warnings) == ["a, b gave labels without probabilities; each counts as probability 1"]
    assert not (await aggregate(bench, number("a", 1), number("b", 4))).warnings
    stacker = {"members": ["a"], "coefficients": [1.0], "intercepts": [0.0]}
    idle = await aggregate(bench, number("a", 1), json_majority={"by_field": True}, stacker=stacker)
    assert list(idle.warnings) == [
        "json_majority has no effect: the aggregation is average",
        "stacker has no effect: the aggregation is average",
    ]


def structure(variant: str, **lists: list[float]) -> WeightedOutput:
    found = WeightedOutput(variant=variant)
    for name, numbers in lists.items():
        found.output.json.struct_value.fields[name].list_value.extend(numbers)
    return found


@pytest.mark.parametrize("by_field", [False, True])
async def test_a_verdict_that_could_be_found_is_told_however_large_it_is(
    bench: Bench, by_field: bool
) -> None:
    """With the verdict beside them the answers are one more to compare; and fields together are larger."""
    parts = ("x", "y", "z") if by_field else ("x",)
    count = 500 if by_field else 1_200
    outputs = [
        structure(f"v{member}", **{part: [float(member)] * count for part in parts}) for member in range(64)
    ]
    options = {"json_majority": {"by_field": by_field}, "aggregation": MAJORITY}
    reply = await aggregate(bench, *outputs, **options)
    assert reply.output == outputs[0].output
    assert reply.aggregation.tie
    assert reply.aggregation.HasField("agreement") is not by_field
