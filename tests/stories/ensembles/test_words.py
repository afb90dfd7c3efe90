"""Juries of chats, through a router, about patients whom no model has seen: what is voted on, what the most
representative answer is, and what the words cost."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from turnout.inference.v1.input_pb2 import ChatInput, Input
from turnout.inference.v1.manifest_pb2 import OUTCOME_CONTRIBUTED, PARTICIPANT_ROLE_EMBEDDER
from turnout.router.v1 import strategy_pb2
from turnout.router.v1.inference_service_pb2 import PredictResponse
from turnout.router.v1.router_pb2 import Router

from examples.fleet.columns import DIAGNOSES
from tests.models.chat_server import vector_of
from tests.stories.asking import deployed
from tests.stories.ensembles.panel import agreeing, answers, check_account, questions
from tests.stories.ensembles.surgery import PRICES, Opinion, Surgery, chats, described, helper, opinion
from tests.stories.suite import Suite

NAMES = ("logistic", "bayes", "stump")
ROWS = 20
VOTE = strategy_pb2.AGGREGATION_METHOD_VOTE
MAJORITY = strategy_pb2.AGGREGATION_METHOD_JSON_MAJORITY
SEMANTIC = strategy_pb2.AGGREGATION_METHOD_SEMANTIC_MEAN


def panel(title: str, prompt: str = "", **how: Any) -> Router:
    """A jury of all three, all of whom are always heard."""
    return chats(title, *NAMES, prompt=prompt, full_panel_fraction=1, **how)


async def told(suite: Suite, wanted: Router) -> list[tuple[PredictResponse, list[Opinion]]]:
    """Each reply, whose account is checked, with what the three think of the patient."""
    client, asked = suite.client("router"), questions("breast-cancer", ROWS)
    await deployed(client, wanted)
    replies = await answers(client, wanted.name, [described(one) for one in asked])
    for reply in replies:
        check_account(reply, PRICES)
        assert {one.variant for one in reply.manifest.participants if one.variant} == set(NAMES)
        assert not reply.manifest.degraded
    own = [[opinion(name, one.features) for name in NAMES] for one in asked]
    return list(zip(replies, own, strict=True))


def majority(said: Sequence[Any]) -> Any:
    """What most say; of level ones, what was said first."""
    counts = Counter(said)
    return max(counts, key=lambda one: (counts[one], -said.index(one)))


@pytest.mark.parametrize(
    ("name", "prompt", "extraction"),
    [
        ("labels", "", {"labels": {"labels": DIAGNOSES}}),
        ("regex", "", {"regex": r"take it for (\w+)"}),
        ("pointer", "Answer in JSON.", {"json_pointer": "/diagnosis"}),
    ],
)
async def test_a_vote_on_what_is_found_in_the_words(
    suite: Suite, surgery: Surgery, name: str, prompt: str, extraction: dict[str, Any]
) -> None:
    for reply, own in await told(
        suite, panel(f"words-{name}", prompt, aggregation=VOTE, extraction=extraction)
    ):
        said = [one.label for one in own]
        found = (
            reply.output.classification.label or reply.output.text.content or reply.output.json.string_value
        )
        assert found == majority(said)
        assert reply.manifest.aggregation.agreement == pytest.approx(agreeing(said))


async def test_a_majority_of_whole_structures(suite: Suite, surgery: Surgery) -> None:
    wanted = panel("words-sure", "Answer in JSON.", aggregation=MAJORITY, extraction={"json_pointer": ""})
    wanted.ensemble.json_majority.tolerance = 0.2
    for reply, own in await told(suite, wanted):
        records = [one.record() for one in own]
        found = dict(reply.output.json.struct_value)
        assert found in records
        supported = [support(one, records) for one in records]
        assert support(found, records) == max(supported)


def support(record: dict[str, Any], records: Sequence[dict[str, Any]], tolerance: float = 0.2) -> int:
    """How many say the same, within the tolerance."""

    def near(one: Any, other: Any) -> bool:
        if isinstance(one, str):
            return bool(one == other)
        return bool(abs(one - other) <= tolerance * max(abs(one), abs(other)))

    return sum(all(near(record[key], other[key]) for key in record) for other in records)


async def test_a_majority_of_each_field(suite: Suite, surgery: Surgery) -> None:
    how = {"by_field": True, "tolerance": 0.2}
    wanted = panel(
        "words-fields",
        "Answer in JSON.",
        aggregation=MAJORITY,
        json_majority=how,
        extraction={"json_pointer": ""},
    )
    merged = 0
    for reply, own in await told(suite, wanted):
        records = [one.record() for one in own]
        found = dict(reply.output.json.struct_value)
        for key in ("diagnosis", "certainty", "risk"):
            fields = [{key: record[key]} for record in records]
            assert support({key: found[key]}, fields) == max(support(one, fields) for one in fields)
        merged += found not in records
    # Some answers are nobody's as a whole.
    assert merged


async def test_a_majority_of_tool_calls(suite: Suite, surgery: Surgery) -> None:
    client, asked = suite.client("router"), questions("breast-cancer", 6)
    how = {"by_field": True, "tolerance": 0.2}
    await deployed(client, panel("words-tools", aggregation=MAJORITY, json_majority=how))
    tool: dict[str, Any] = {
        "type": "function",
        "function": {"name": "report", "parameters": {"type": "object"}},
    }
    given = []
    for one in asked:
        chat = ChatInput(messages=[{"role": "user", "content": described(one).text}])
        chat.tools.add().update(tool)
        given.append(Input(chat=chat))
    for question, reply in zip(asked, await answers(client, "words-tools", given), strict=True):
        check_account(reply, PRICES)
        (call,) = reply.output.text.tool_calls
        arguments = json.loads(call.arguments)
        said = [opinion(name, question.features).label for name in NAMES]
        assert (call.name, arguments["diagnosis"]) == ("report", majority(said))


async def test_the_answer_nearest_to_all(suite: Suite, surgery: Surgery) -> None:
    wanted = panel("words-mean", aggregation=SEMANTIC, semantic_mean={"embedder": helper("embedder")})
    for reply, own in await told(suite, wanted):
        words = [one.prose() for one in own]
        vectors = np.array([vector_of(one) for one in words])
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        centre = units.mean(axis=0)
        nearness = units @ (centre / np.linalg.norm(centre))
        place = words.index(reply.output.text.content)
        assert nearness[place] == pytest.approx(nearness.max())
        cosines = (units @ units.T)[np.triu_indices(len(NAMES), 1)]
        assert reply.manifest.aggregation.distance == pytest.approx(1 - cosines.mean(), abs=1e-6)
        last = reply.manifest.participants[-1]
        assert (last.role, last.outcome) == (PARTICIPANT_ROLE_EMBEDDER, OUTCOME_CONTRIBUTED)
        assert last.tokens_in == sum(len(one.split()) for one in words)
