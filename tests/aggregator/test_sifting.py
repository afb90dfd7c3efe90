"""One answer that does not fit the others is its member's own failure."""

import json
from contextlib import AsyncExitStack

import numpy as np
import pytest
from turnout.router.v1 import strategy_pb2

from tests.aggregator.conftest import Bench
from tests.aggregator.talk import QUESTION, account, plan_of, speaker
from tests.aggregator.test_unsound import oip, saying

AVERAGE = strategy_pb2.AGGREGATION_METHOD_AVERAGE
MAJORITY = strategy_pb2.AGGREGATION_METHOD_JSON_MAJORITY
VOTE = strategy_pb2.AGGREGATION_METHOD_VOTE
CALL = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}


async def calling(bench: Bench, stack: AsyncExitStack, name: str) -> None:
    """A chat that asks to call a tool."""
    chat = await speaker(bench, stack, name)
    chat.server.answering({"object": "chat.completion", "choices": [{"message": CALLS}]})


@pytest.mark.parametrize("fraction", [0.0, 1.0])
async def test_a_vote_takes_another_kind_of_answer_for_another_answer(bench: Bench, fraction: float) -> None:
    """Whether it was stopped early or heard everybody."""
    async with AsyncExitStack() as stack:
        for name in "abc":
            await calling(bench, stack, name)
        await speaker(bench, stack, "d", "Paris")
        how = {"aggregation": VOTE, "full_panel_fraction": fraction, "quorum": 3}
        reply = await bench.infer(plan_of(*"abcd", **how), QUESTION)
    assert reply.output.text.tool_calls[0].name == "look"
    assert not reply.error_code
    assert not reply.degraded
    if fraction:
        assert list(reply.aggregation.dissenting) == ["d"]
        assert reply.aggregation.agreement == 0.5
        assert account(reply)[3] == ("d", "JUROR", "CONTRIBUTED")


async def test_the_odd_one_has_failed_and_the_rest_go_on(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        for name, numbers in (("a", (1.0, 2.0)), ("b", (1.0,)), ("c", (3.0, 4.0))):
            await oip(bench, stack, name, saying(*numbers))
        reply = await bench.infer(plan_of(*"abc", aggregation=AVERAGE, quorum=2), QUESTION)
        alone = await bench.infer(plan_of(*"ab", aggregation=AVERAGE, quorum=2), QUESTION)
    assert np.frombuffer(reply.output.tensors.raw_contents[0]).tolist() == [2, 3]
    assert account(reply)[1] == ("b", "JUROR", "FAILED")
    assert reply.participants[1].error_message == (
        "malformed answer: tensors (v float64 [1, 2]) expected, as most members answered; "
        "got tensors (v float64 [1, 1])"
    )
    assert reply.participants[1].excused
    assert reply.degraded
    # Of two nobody can say who is the odd one.
    assert alone.error_reason == "CANNOT_COMBINE"
    assert "in different shapes: a [1, 2], b [1, 1]" in alone.error_message


async def test_a_label_among_numbers_is_not_averaged(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        for name, number in (("a", 1.0), ("b", 3.0)):
            await oip(bench, stack, name, saying(number), value="v")
        await oip(bench, stack, "c", saying(0.2, 0.8), probabilities="v", class_order=["no", "yes"])
        reply = await bench.infer(plan_of(*"abc", aggregation=AVERAGE), QUESTION)
    assert list(reply.output.regression.values) == [2]
    assert reply.participants[2].error_message == (
        "malformed answer: numbers expected, as most members answered; got labels"
    )


async def test_a_text_among_calls_of_tools_is_no_json(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        for name in "ab":
            await calling(bench, stack, name)
        await speaker(bench, stack, "c", "[1]")
        reply = await bench.infer(plan_of(*"abc", aggregation=MAJORITY), QUESTION)
    assert reply.output.text.tool_calls[0].name == "look"
    assert account(reply)[2] == ("c", "JUROR", "FAILED")


@pytest.mark.parametrize("many", [1_001, 998])
async def test_who_has_more_fields_than_all_may_have_costs_nobody_elses_answer(
    bench: Bench, many: int
) -> None:
    """By itself, or with the fields of the others."""
    fields = {"a": 1, "b": 2, "c": 3}
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "odd", json.dumps({f"k{place}": place for place in range(many)}))
        await speaker(bench, stack, "first", json.dumps(fields))
        await speaker(bench, stack, "second", json.dumps(fields | {"b": 5}))
        await speaker(bench, stack, "third", json.dumps(fields | {"c": 6}))
        how = {"aggregation": MAJORITY, "json_majority": {"by_field": True}}
        reply = await bench.infer(plan_of("odd", "first", "second", "third", quorum=3, **how), QUESTION)
        strict = await bench.infer(plan_of("odd", "first", "second", "third", quorum=4, **how), QUESTION)
    assert reply.output.json.struct_value.fields["b"].number_value == 2
    assert account(reply)[0] == ("odd", "JUROR", "FAILED")
    assert reply.participants[0].excused
    assert (
        f"at most 1000 fields are voted on field by field; got {many}" in reply.participants[0].error_message
    )
    assert reply.degraded
    assert list(reply.aggregation.dissenting) == ["second", "third"]
    assert (strict.error_reason, strict.participants[0].excused) == ("CANNOT_COMBINE", False)
