"""A task in steps: who waits for whom, what each is asked, and what a failed step does to the rest."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1.ensemble_pb2 import MixtureOfN, Specialists, Step

from services.aggregator.answers import Ballot, Classes
from services.aggregator.filling import look
from services.aggregator.references import Unresolved, parse
from services.aggregator.testimony import Vote
from services.foundation.errors import RemoteError
from tests.aggregator.conftest import Bench, patient, plan
from tests.aggregator.talk import QUESTION, account, helper, plan_of, speaker
from tests.models.chat_server import Behaviour
from tests.waiting import eventually

STEPS = (
    Step(name="draft", variant="writer"),
    Step(name="facts", variant="checker", template="Which facts are asked for in: {input}"),
    Step(name="final", variant="editor", template='Merge {draft} with {facts#/facts/0} as {"answer": ...}'),
)


async def test_steps_are_asked_what_earlier_ones_have_answered(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "writer", "It is Lyon.")
        checker = await speaker(bench, stack, "checker", '{"facts": ["capital", "France"]}')
        editor = await speaker(bench, stack, "editor", "Paris")
        reply = await bench.infer(
            plan_of("writer", "checker", "editor", specialists=Specialists(steps=STEPS)), QUESTION
        )
    assert reply.output.text.content == "Paris"
    assert checker.heard == [f"Which facts are asked for in: {QUESTION.text}"]
    assert editor.heard == ['Merge It is Lyon. with capital as {"answer": ...}']
    assert account(reply) == [
        ("writer/draft", "SPECIALIST", "CONTRIBUTED"),
        ("checker/facts", "SPECIALIST", "CONTRIBUTED"),
        ("editor/final", "SPECIALIST", "SERVED"),
    ]
    assert reply.aggregation.pattern == "specialists"
    assert not reply.degraded


def formed() -> Input:
    """A question whose answer is to be JSON, or a call of a tool."""
    given = Input()
    given.chat.messages.add(role="user", content=QUESTION.text)
    given.chat.response_format.update({"type": "json_object"})
    given.chat.tools.add().update({"type": "function", "function": {"name": "look"}})
    given.chat.sampling.max_tokens = 7
    return given


async def test_who_answers_last_is_told_which_form_the_reply_has(bench: Bench) -> None:
    """With a template too; those before it are asked something else."""
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "writer", "It is Lyon.")
        checker = await speaker(bench, stack, "checker", '{"facts": ["capital"]}')
        editor = await speaker(bench, stack, "editor", '{"city": "Paris"}')
        names = ("writer", "checker", "editor")
        await bench.infer(plan_of(*names, specialists=Specialists(steps=STEPS)), formed())
        mixed = MixtureOfN(fuser=helper("editor"))
        await bench.infer(plan_of("writer", "checker", mixture_of_n=mixed), formed())
    (asked, *_), (last, fusing) = checker.server.bodies, editor.server.bodies
    for body in (last, fusing):
        assert body["response_format"] == {"type": "json_object"}
        assert body["tools"][0]["function"]["name"] == "look"
    assert asked.keys().isdisjoint(("response_format", "tools"))
    assert asked["max_tokens"] == last["max_tokens"] == 7
    assert last["messages"][0]["content"].startswith("Merge It is Lyon. with capital")


async def test_independent_steps_run_at_once(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        writer = await speaker(bench, stack, "writer")
        checker = await speaker(bench, stack, "checker", '{"facts": ["capital"]}')
        editor = await speaker(bench, stack, "editor")
        free = asyncio.Event()
        for one in (writer, checker):
            one.server.behave = _after(free, one.speak)
        task = plan_of("writer", "checker", "editor", specialists=Specialists(steps=STEPS))
        asking = asyncio.ensure_future(bench.infer(task, QUESTION))
        await eventually(lambda: writer.server.in_flight == checker.server.in_flight == 1)
        assert not editor.server.bodies
        free.set()
        assert (await asking).output.text.content == "Paris"


def _after(free: asyncio.Event, behave: Behaviour) -> Behaviour:
    async def waiting(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        await free.wait()
        return await behave(request, body)

    return waiting


async def test_numbers_of_one_model_are_columns_of_the_next(doctors: Bench) -> None:
    """A small model's probability stands in for a column that the request has not."""
    steps = [
        Step(name="bayes", variant="cancer-bayes"),
        Step(
            name="stump",
            variant="cancer-stump",
            columns={"mean radius": "bayes.probabilities.benign", "noted": "bayes.label"},
        ),
    ]
    await doctors.seat("cancer-stump")
    task = plan("cancer-bayes", "cancer-stump", specialists=Specialists(steps=steps))
    reply = await doctors.infer(task)
    # A radius of at most 1 is smaller than any that the stump has seen.
    assert reply.output.classification.label == "benign"
    assert [each.participant for each in reply.outputs] == [0, 1]


def test_an_answer_to_several_rows_is_no_part_of_one_question() -> None:
    answer = Classes(("no", "yes"), np.array([0, 1]))
    vote = Vote(Ballot("a", answer), (), Output())
    for text in ("a", "a.label", "a.probabilities.yes", "a#/x"):
        with pytest.raises(Unresolved, match="an answer to one row expected, got 2 rows"):
            look(parse(text), Input(), {"a": vote}, {})


@pytest.mark.parametrize(
    ("status", "told"),
    [(500, ("UNAVAILABLE", "QUORUM_NOT_MET")), (400, ("INVALID_ARGUMENT", "INPUT_REFUSED"))],
)
async def test_a_failed_step_ends_the_task_and_tells_who_was_not_asked(
    bench: Bench, status: int, told: tuple[str, str]
) -> None:
    async with AsyncExitStack() as stack:
        writer = await speaker(bench, stack, "writer")
        writer.server.answering({"error": {"message": "out of memory"}}, status)
        await speaker(bench, stack, "checker", '{"facts": ["capital"]}')
        await speaker(bench, stack, "editor")
        task = plan_of("writer", "checker", "editor", specialists=Specialists(steps=STEPS))
        reply = await bench.infer(task, QUESTION)
    assert (reply.error_code, reply.error_reason) == told
    assert reply.error_message == f"the step 'draft' failed: HTTP {status}: out of memory"
    assert account(reply)[2] == ("editor/final", "SPECIALIST", "SKIPPED")
    assert reply.participants[2].error_message == "not asked: the step 'draft' failed"


async def test_a_step_that_is_optional_is_left_out(bench: Bench) -> None:
    steps = [*STEPS[:2], Step(name="final", variant="editor", template="{draft}|{facts}")]
    steps[1] = Step(name="facts", variant="checker", optional=True)
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "writer", "Lyon")
        checker = await speaker(bench, stack, "checker")
        checker.server.answering({}, 400)
        editor = await speaker(bench, stack, "editor")
        task = plan_of("writer", "checker", "editor", specialists=Specialists(steps=steps))
        reply = await bench.infer(task, QUESTION)
    assert reply.output.text.content == "Paris"
    assert editor.heard == ["Lyon|"]
    assert reply.degraded
    assert any("the step 'facts' failed and was left out" in warning for warning in reply.warnings)


async def test_what_the_request_lacks_is_the_callers_mistake(bench: Bench) -> None:
    steps = [Step(name="only", variant="writer", template="Say {input.name}")]
    async with AsyncExitStack() as stack:
        writer = await speaker(bench, stack, "writer")
        task = plan_of("writer", specialists=Specialists(steps=steps))
        with pytest.raises(RemoteError) as refused:
            await bench.infer(task, patient())
        named = Input()
        named.row.update({"name": "Ada"})
        reply = await bench.infer(task, named)
    assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "INPUT_MISMATCH")
    assert "input.name: the request has no such column" in refused.value.message
    assert writer.heard == ["Say Ada"]
    assert reply.output.text.content == "Paris"


@pytest.mark.parametrize(
    ("steps", "field", "said"),
    [
        ([Step(name="a", variant="writer", template="{b}"), Step(name="b", variant="writer", template="{a}")],
         "steps", "steps that do not wait for each other expected; a, b do"),
        ([Step(name="a", variant="writer", template="{a}")], "steps", "a do"),
        ([Step(name="a", variant="nobody")], "steps[0].variant", "one of writer expected, got 'nobody'"),
        ([Step(name="a", variant="writer", template="{b.text}")], "steps[0].template", "input or one of a"),
        ([Step(name="a", variant="writer", template="{input.}")], "steps[0].template", "a column expected"),
        ([Step(name="a", variant="writer", template="{input#/a}")], "steps[0].template", "input is none"),
        ([Step(name="a", variant="writer", columns={"x": "b#x"})], "steps[0].columns['x']", "begins with /"),
        ([Step(name="a", variant="writer"), Step(name="b", variant="writer")],
         "steps[0]", "it leads nowhere"),
        ([Step(name="input", variant="writer")], "steps[0].name", "and not input, expected"),
        ([Step(name="a", variant="writer", optional=True)], "steps[0].optional", "its answer is the reply"),
        ([], "steps", "1 to 32 steps expected, got 0"),
    ],
)  # fmt: skip
async def test_a_graph_that_cannot_be_run_is_refused_by_field(
    bench: Bench, steps: list[Step], field: str, said: str
) -> None:
    with pytest.raises(RemoteError) as refused:
        await bench.infer(plan_of("writer", specialists=Specialists(steps=steps)), QUESTION)
    assert refused.value.code == "INVALID_ARGUMENT"
    found = {one.field: one.description for one in refused.value.fields}
    assert said in found[f"plan.ensemble.specialists.{field}"]
