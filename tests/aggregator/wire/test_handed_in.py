"""Outputs that are handed in, with what their method needs beside them."""

import pytest
from google.protobuf.struct_pb2 import Value
from turnout.aggregator.v1.aggregator_service_pb2 import AggregateRequest, AggregateResponse, WeightedOutput
from turnout.inference.v1.output_pb2 import Output, Regression, TextOutput
from turnout.router.v1 import ensemble_pb2, strategy_pb2

from services.foundation.errors import RemoteError
from tests.aggregator.conftest import Bench

STACKING = strategy_pb2.AGGREGATION_METHOD_STACKING
SEMANTIC = strategy_pb2.AGGREGATION_METHOD_SEMANTIC_MEAN
JSON = strategy_pb2.AGGREGATION_METHOD_JSON_MAJORITY
VOTE = strategy_pb2.AGGREGATION_METHOD_VOTE


def text(name: str, content: str, *embedding: float) -> WeightedOutput:
    output = Output(text=TextOutput(content=content))
    return WeightedOutput(variant=name, output=output, embedding=embedding)


def number(name: str, value: float) -> WeightedOutput:
    return WeightedOutput(variant=name, output=Output(regression=Regression(values=[value])))


async def combine(bench: Bench, *outputs: WeightedOutput, **how: object) -> AggregateResponse:
    request = AggregateRequest(outputs=outputs, **how)  # type: ignore[arg-type]
    reply: AggregateResponse = await bench.aggregate(request, timeout=20.0)
    return reply


async def test_a_stacker_brings_its_coefficients(bench: Bench) -> None:
    stacker = ensemble_pb2.LearntStacker(members=["a", "b"], coefficients=[0.5, 1.0], intercepts=[1.0])
    reply = await combine(bench, number("a", 10), number("b", 20), aggregation=STACKING, stacker=stacker)
    assert list(reply.output.regression.values) == [26.0]


async def test_texts_bring_their_embeddings(bench: Bench) -> None:
    given = (text("a", "Paris", 1, 0.1), text("b", "Paris, France", 1, 0.3), text("c", "a fish", 0, 1))
    reply = await combine(bench, *given, aggregation=SEMANTIC)
    assert reply.output.text.content == "Paris, France"
    assert 0 < reply.aggregation.distance < 1


async def test_numbers_in_json_may_differ_by_a_tolerance(bench: Bench) -> None:
    given = (
        text("a", '{"total": 100.0}'),
        text("b", '```json\n{"total": 100.4}\n```'),
        text("c", '{"total": 7}'),
    )
    near = ensemble_pb2.JsonMajority(tolerance=0.01)
    reply = await combine(bench, *given, aggregation=JSON, json_majority=near)
    assert reply.output.json.struct_value["total"] == 100
    assert list(reply.aggregation.dissenting) == ["c"]


async def test_agreement_is_what_the_method_takes_as_the_same(bench: Bench) -> None:
    """Its default tolerance where none is given, and none where another method compares exactly."""
    sums = [[0.1, 0.2], [0.3]]
    given = [
        WeightedOutput(variant=name, output=Output(json=Value(number_value=sum(each))))
        for name, each in zip("ab", sums, strict=True)
    ]
    reply = await combine(bench, *given, aggregation=JSON)
    assert (reply.aggregation.agreement, list(reply.aggregation.dissenting)) == (1, [])
    near = ensemble_pb2.JsonMajority(tolerance=0.01)
    exact = await combine(bench, *given, aggregation=VOTE, json_majority=near)
    assert (exact.aggregation.agreement, list(exact.aggregation.dissenting)) == (0, ["b"])


async def test_what_is_the_answer_in_a_text_is_found_first(bench: Bench) -> None:
    given = (text("a", "Answer: yes, surely"), text("b", "answer: yes"), text("c", "Answer: no"))
    rule = ensemble_pb2.Extraction(regex=r"(?i)answer: (\w+)")
    reply = await combine(bench, *given, aggregation=VOTE, extraction=rule)
    assert reply.output.classification.label == "yes"


async def test_what_does_not_fit_is_refused_by_field(bench: Bench) -> None:
    with pytest.raises(RemoteError) as refused:
        await combine(bench, text("a", "x", 1, 2), text("b", "y", 1), aggregation=SEMANTIC)
    assert [one.field for one in refused.value.fields] == ["outputs[1].embedding"]
    with pytest.raises(RemoteError) as refused:
        await combine(bench, text("a", "x"), aggregation=VOTE, extraction=ensemble_pb2.Extraction(regex="("))
    assert refused.value.fields[0].field == "extraction.regex"
    rule = ensemble_pb2.Extraction(regex="[0-9]+")
    with pytest.raises(RemoteError) as refused:
        await combine(bench, text("a", "none"), aggregation=VOTE, extraction=rule)
    assert refused.value.fields[0].field == "outputs[0].output.text.content"
