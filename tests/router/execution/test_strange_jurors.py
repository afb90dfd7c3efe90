"""Jurors whose answers are not what a router looks for, who are left out, or who were never asked: what is
told of them, what of their health, and what they would have cost."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from turnout.inference.v1.manifest_pb2 import Manifest
from turnout.router.v1.inference_service_pb2 import PredictRequest
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, Model, ModelCost
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.strategy_pb2 import (
    AGGREGATION_METHOD_JSON_MAJORITY,
    AGGREGATION_METHOD_VOTE,
    WEIGHT_SOURCE_DECLARED,
)

from services.foundation.errors import RemoteError
from services.state.connection import Connections
from tests.models.chat_server import ChatServer, chat_server, completion
from tests.router.conftest import Desk
from tests.router.execution.acting import told
from tests.router.panels import running_panel
from tests.waiting import eventually

# What each model answers; who writes prose is of no use to who looks for JSON, and of use to others.
LINES = {"prose": "I would say Paris.", "plain": '{"city": "Paris"}', "dear": '{"city": "Paris"}'}
COSTS = {
    "prose": ModelCost(per_call=0.01),
    "plain": ModelCost(per_call=0.02),
    "dear": ModelCost(input_per_1k_tokens=10, output_per_1k_tokens=100),
}
JSON = {
    "aggregation": AGGREGATION_METHOD_JSON_MAJORITY,
    "extraction": {"json_pointer": ""},
    "quorum": 1,
    "member_retries": 0,
}
VOTE = {"aggregation": AGGREGATION_METHOD_VOTE, "quorum": 1}


class Writers:
    """Chats by their names; whoever is in `broken` fails."""

    def __init__(self, desk: Desk, server: ChatServer) -> None:
        self.desk, self.broken = desk, set[str]()
        server.behave = self._serve

    async def _serve(
        self,
        request: web.Request,  # noqa: ARG002
        body: dict[str, Any],
    ) -> web.StreamResponse:
        if body["model"] in self.broken:
            return web.json_response({"error": {"message": "out of order"}}, status=500)
        message = {"role": "assistant", "content": LINES[body["model"]]}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response(completion(body, choice, 20, 10))

    async def ask(self, router: str) -> Manifest:
        """What came of a question."""
        request = PredictRequest(router=router, input={"text": "Which city?"})
        manifest: Manifest = (await self.desk.call("InferenceService/Predict", request)).manifest
        return manifest


@pytest.fixture
async def writers(redis_url: str, connections: Connections, tmp_path: Path) -> AsyncIterator[Writers]:
    async with chat_server() as server, running_panel(redis_url, tmp_path) as desk:
        for name, cost in COSTS.items():
            await desk.register(
                Model(
                    name=name,
                    protocol=PROTOCOL_OPENAI_CHAT,
                    endpoints=[{"address": server.url}],
                    cost=cost,
                    outlier_detection={"consecutive_failures": 3},
                )
            )
        yield Writers(desk, server)


def panel(*models: str, **how: Any) -> Router:
    """A router over these, who may be of one model."""
    variants = [{"id": f"{name}-{place}", "model": name} for place, name in enumerate(models)]
    return Router(variants=variants, ensemble=how)


async def test_an_answer_that_one_router_cannot_use_takes_no_model_from_the_others(writers: Writers) -> None:
    await writers.desk.deploy("forms", panel("prose", "prose", "plain", **JSON))
    await writers.desk.deploy("letters", panel("prose", "plain", **VOTE))
    for _ in range(4):
        manifest = await writers.ask("forms")
        failed = [one for one in manifest.participants if one.error_code]
        assert [(one.model, one.excused) for one in failed] == [("models/prose", True)] * 2
    manifest = await writers.ask("letters")
    assert told(manifest.participants) == [
        ("prose-0", "JUROR", "CONTRIBUTED"),
        ("plain-1", "JUROR", "CONTRIBUTED"),
    ]
    assert not manifest.degraded


async def test_who_is_left_out_for_its_health_is_named_with_why(writers: Writers) -> None:
    await writers.desk.deploy("letters", panel("prose", "plain", **VOTE))
    writers.broken.add("plain")

    async def left_out() -> Manifest:
        manifest = await writers.ask("letters")
        assert told(manifest.participants)[-1] == ("plain-1", "JUROR", "SKIPPED")
        return manifest

    manifest = await eventually(left_out)
    why = manifest.participants[-1].error_message
    assert why.startswith("ejected until ")
    assert why.endswith("3 failures in a row")
    assert f"plain-1 is left out: {why}" in manifest.warnings
    assert manifest.degraded
    assert not manifest.aggregation.full_panel
    assert not manifest.aggregation.representative
    said = "1 of 2 members is asked; left out for their health: plain-1"
    assert manifest.decision.explanation == said
    assert told(manifest.participants)[0] == ("prose-0", "JUROR", "CONTRIBUTED")


async def test_the_most_expensive_member_is_one_of_the_plan_asked_or_not(writers: Writers) -> None:
    """The cheapest is accepted at once: what the other would have cost is known by its price."""
    await writers.desk.deploy("early", panel("prose", "plain", judge={"check": {"cel": "true"}}))
    manifest = await writers.ask("early")
    assert manifest.total_cost.amount == pytest.approx(0.01)
    assert manifest.most_expensive_member_cost.amount == pytest.approx(0.02)


async def test_a_member_that_is_paid_by_tokens_would_have_used_as_many_as_who_answered(
    writers: Writers,
) -> None:
    await writers.desk.deploy("tokens", panel("prose", "dear", judge={"check": {"cel": "true"}}))
    manifest = await writers.ask("tokens")
    assert manifest.total_cost.amount == pytest.approx(0.01)
    assert manifest.most_expensive_member_cost.amount == pytest.approx(20 / 1000 * 10 + 10 / 1000 * 100)


async def test_a_helper_is_no_member_and_who_has_no_price_leaves_it_unknown(writers: Writers) -> None:
    fused = {"fuser": {"model": "dear"}}
    await writers.desk.deploy("fused", panel("prose", "plain", mixture_of_n=fused))
    manifest = await writers.ask("fused")
    assert manifest.total_cost.amount == pytest.approx(0.03 + 1.2)
    assert manifest.most_expensive_member_cost.amount == pytest.approx(0.02)
    await writers.desk.register(
        Model(
            name="gift",
            served_name="plain",
            protocol=PROTOCOL_OPENAI_CHAT,
            endpoints=[{"address": "http://127.0.0.1:9"}],
        )
    )
    await writers.desk.deploy("gifts", panel("prose", "gift", **VOTE))
    manifest = await writers.ask("gifts")
    assert manifest.total_cost.amount == pytest.approx(0.01)
    assert not manifest.HasField("most_expensive_member_cost")


async def test_what_does_nothing_is_told_when_it_is_written_and_not_with_each_reply(writers: Writers) -> None:
    idle = panel("plain", "dear", **JSON | {"weight_source": WEIGHT_SOURCE_DECLARED})
    idle.ensemble.judge.check.cel = "json.city == 'Paris'"
    idle.ensemble.quorum, idle.ensemble.full_panel_fraction = 1, 0.5
    idle.ensemble.samples_per_member = 2
    await writers.desk.deploy("idle", idle)
    assert list((await writers.ask("idle")).warnings) == []


async def test_a_limit_that_tokens_exceed_ends_as_what_no_repetition_helps(writers: Writers) -> None:
    """Only the first call tells what the tokens cost; nothing is left for the second member."""
    steps = [{"name": "one", "variant": "dear-0"}, {"name": "two", "variant": "dear-1", "template": "{one}"}]
    await writers.desk.deploy("paid", panel("dear", "dear", specialists={"steps": steps}, max_cost=0.1))
    with pytest.raises(RemoteError) as caught:
        await writers.ask("paid")
    assert (caught.value.code, caught.value.reason) == ("FAILED_PRECONDITION", "COST_LIMIT")
    assert "the step 'two' failed: max_cost: 1.2 of 0.1 USD are spent" in caught.value.message


async def test_a_judge_of_equal_answers_is_named_and_not_asked(writers: Writers) -> None:
    judged = {"judge": {"model": "prose"}}
    await writers.desk.deploy("equal", panel("plain", "dear", best_of_n=judged))
    manifest = await writers.ask("equal")
    assert [
        (one.model, role, outcome)
        for one, (_, role, outcome) in zip(manifest.participants, told(manifest.participants), strict=True)
    ][-1] == ("models/prose", "JUDGE", "SKIPPED")
    assert manifest.participants[-1].error_message == "not asked: all answers are the same"
    assert not manifest.degraded
    assert "picks one of their answers, unless they are all the same" in manifest.decision.explanation
