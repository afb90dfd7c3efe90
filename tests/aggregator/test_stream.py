"""Progress of a plan: who has finished, the words of the final step, and the reply in the end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Any, cast

import pytest
from aiohttp import web
from turnout.aggregator.v1.aggregator_service_pb2 import (
    InferResponse,
    InferStreamRequest,
    InferStreamResponse,
    Plan,
)
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.ensemble_pb2 import MixtureOfN, Specialists, Step

from services.aggregator.following import MOST_WAITING, Progress
from services.foundation.errors import RemoteError
from tests.aggregator.conftest import DOCTORS, Bench, patient, plan
from tests.aggregator.talk import QUESTION, account, helper, plan_of, request_of, speaker
from tests.models.chat_server import Behaviour
from tests.models.speech import Speech
from tests.waiting import eventually


async def told(bench: Bench, plan: Plan, given: Input) -> list[InferStreamResponse]:
    request = InferStreamRequest(request=request_of(plan, given))
    return [news async for news in bench.infer_stream(request, timeout=20.0)]


async def test_everybody_is_told_of_as_they_finish_and_the_reply_comes_last(doctors: Bench) -> None:
    *news, last = await told(doctors, plan(), patient())
    assert {one.participant.variant for one in news} == set(DOCTORS)
    assert last.response.output.HasField("classification")
    assert len(last.response.participants) == 3


async def test_the_words_of_the_final_step_come_as_they_are_generated(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "a", "Lyon")
        fuser = await speaker(bench, stack, "fuser")
        fuser.server.behave = Speech(("Pa", "ris"))
        mixture = plan_of("a", mixture_of_n=MixtureOfN(fuser=helper("fuser")))
        fused = await told(bench, mixture, QUESTION)
        steps = [
            Step(name="draft", variant="a"), Step(name="final", variant="fuser", template="Mend {draft}"),
        ]  # fmt: skip
        fuser.server.behave = Speech(("Pa", "ris"))
        mended = await told(bench, plan_of("a", "fuser", specialists=Specialists(steps=steps)), QUESTION)
    # The fuser is a helper in one plan, and a member in the other.
    for news in (fused, mended):
        assert "".join(one.delta for one in news) == "Paris"
        assert [one.WhichOneof("progress") for one in news] == [
            "participant", "delta", "delta", "participant", "response",
        ]  # fmt: skip
        assert news[-1].response.output.text.content == "Paris"
        assert news[-1].response.participants[1].tokens_out == 2


def refusing_once(then: Behaviour) -> Behaviour:
    """Out of order the first time."""
    refused: list[bool] = []

    async def behave(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if not refused:
            refused.append(True)
            return web.json_response({"error": {"message": "later"}}, status=503)
        return await then(request, body)

    return behave


async def test_the_final_step_is_tried_again_until_it_has_said_something(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "a", "Lyon")
        fuser = await speaker(bench, stack, "fuser")
        mixture = plan_of("a", mixture_of_n=MixtureOfN(fuser=helper("fuser")))
        fuser.server.behave = refusing_once(Speech(("Pa", "ris")))
        *again, last = await told(bench, mixture, QUESTION)
        asked = len(fuser.server.bodies)
        fuser.server.behave = Speech(("Pa", "ris"), end="broken")
        *once, broken = await told(bench, mixture, QUESTION)
        assert len(fuser.server.bodies) == asked + 1 == 3
    assert account(last.response)[1:] == [("fuser", "FUSER", "FAILED"), ("fuser", "FUSER", "SERVED")]
    assert [one.attempt for one in last.response.participants] == [1, 1, 2]
    assert "".join(one.delta for one in again) == "Paris"
    assert not last.response.degraded
    # Nobody's words fit behind those.
    assert "".join(one.delta for one in once) == "Paris"
    assert account(broken.response)[1] == ("fuser", "FUSER", "FAILED")
    assert broken.response.error_reason == "QUORUM_NOT_MET"
    assert not broken.response.HasField("output")


async def test_who_was_cut_off_is_told_of_like_everybody(doctors: Bench) -> None:
    doctors.servers[DOCTORS[2]].faults.set("hang")
    early = plan(aggregation="AGGREGATION_METHOD_VOTE", full_panel_fraction=0.0)
    late = plan(timeouts=[None, None, 0.2])
    for jury, outcome in ((early, "CANCELLED"), (late, "TIMED_OUT")):
        *news, last = await told(doctors, jury, patient())
        assert account(last.response)[2][2] == outcome
        ended = sorted((one.participant for one in news), key=lambda one: DOCTORS.index(one.variant))
        assert [one.variant for one in ended] == list(DOCTORS)
        assert ended[2] == last.response.participants[2]


async def test_words_that_nobody_fetches_become_one_delta() -> None:
    progress = Progress()
    running: asyncio.Future[InferResponse] = asyncio.get_running_loop().create_future()
    for word in ("a", "b", "c") * 1000:
        progress.said(word)
    running.set_result(InferResponse(degraded=True))
    news = [one async for one in progress.follow(running)]  # type: ignore[arg-type]
    assert [one.WhichOneof("progress") for one in news] == [*["delta"] * MOST_WAITING, "response"]
    assert "".join(one.delta for one in news) == "abc" * 1000


async def test_who_stops_reading_stops_every_call(doctors: Bench) -> None:
    for name in DOCTORS[:2]:
        doctors.servers[name].faults.set("hang")
    request = InferStreamRequest(request=request_of(plan(), patient()))
    async with aclosing(
        cast("AsyncGenerator[InferStreamResponse]", doctors.infer_stream(request, timeout=20.0))
    ) as news:
        first = await anext(news)
    assert first.participant.variant == DOCTORS[2]
    await eventually(lambda: all(doctors.servers[name].cancelled == 1 for name in DOCTORS[:2]))


async def test_a_plan_that_cannot_be_run_is_refused_before_anything_is_told(bench: Bench) -> None:
    with pytest.raises(RemoteError) as refused:
        await told(bench, Plan(), patient())
    assert refused.value.code == "INVALID_ARGUMENT"


async def test_a_failure_is_told_in_the_reply(doctors: Bench) -> None:
    for name in DOCTORS:
        doctors.servers[name].faults.set("fail", code="INTERNAL")
    *_, last = await told(doctors, plan(), patient())
    assert last.response.error_reason == "QUORUM_NOT_MET"
