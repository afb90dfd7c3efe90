"""One retry loop: what is tried again, when, how often, and how it is told."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from services.aggregator.effort import ALWAYS_ALLOWED
from tests.aggregator.conftest import Bench
from tests.aggregator.talk import QUESTION, Speaker, account, plan_of, speaker


def refusing(one: Speaker, times: int, status: int, **headers: str) -> None:
    """Let it refuse so often, then speak."""
    left = [times]

    async def behave(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        left[0] -= 1
        if left[0] < 0:
            return await one.speak(request, body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response({"error": {"message": "later"}}, status=status, headers=named)

    one.server.behave = behave


async def test_who_says_when_to_come_again_is_asked_then(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        busy = await speaker(bench, stack, "busy")
        refusing(busy, 1, 429, Retry_After="1")
        reply = await bench.infer(plan_of("busy", aggregation="AGGREGATION_METHOD_VOTE"), QUESTION)
    assert account(reply) == [("busy", "JUROR", "FAILED"), ("busy", "JUROR", "CONTRIBUTED")]
    assert [one.attempt for one in reply.participants] == [1, 2]
    assert not reply.degraded


async def test_nobody_waits_longer_than_the_member_may_take(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        busy = await speaker(bench, stack, "busy")
        refusing(busy, 1, 429, Retry_After="600")
        reply = await bench.infer(plan_of("busy", aggregation="AGGREGATION_METHOD_VOTE"), QUESTION)
    assert account(reply) == [("busy", "JUROR", "FAILED")]
    assert reply.error_reason == "QUORUM_NOT_MET"


async def test_it_is_tried_as_often_as_the_plan_says(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        flaky = await speaker(bench, stack, "flaky")
        tried = {}
        for retries in (0, 2, 3):
            refusing(flaky, 3, 503)
            how = plan_of("flaky", aggregation="AGGREGATION_METHOD_VOTE", member_retries=retries)
            reply = await bench.infer(how, QUESTION)
            tried[retries] = (len(reply.participants), reply.error_reason)
    assert tried == {0: (1, "QUORUM_NOT_MET"), 2: (3, "QUORUM_NOT_MET"), 3: (4, "")}


async def test_a_refusal_for_good_is_not_tried_again(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        wrong = await speaker(bench, stack, "wrong")
        refusing(wrong, 1, 400)
        reply = await bench.infer(plan_of("wrong", aggregation="AGGREGATION_METHOD_VOTE"), QUESTION)
    assert len(reply.participants) == len(wrong.server.bodies) == 1


async def test_those_who_wait_for_their_second_try_have_its_place(bench: Bench) -> None:
    """All are refused at once and told to come again in a second: few find room, and wait in it."""
    names = [f"m{place}" for place in range(ALWAYS_ALLOWED + 4)]
    here, everybody = list[bool](), asyncio.Event()

    async def behave(_request: web.Request, _body: dict[str, Any]) -> web.StreamResponse:
        here.append(True)
        if len(here) == len(names):
            everybody.set()
        await everybody.wait()
        return web.json_response({"error": {"message": "later"}}, status=429, headers={"Retry-After": "1"})

    async with AsyncExitStack() as stack:
        for name in names:
            one = await speaker(bench, stack, name)
            one.server.behave = behave
        jury = plan_of(*names, aggregation="AGGREGATION_METHOD_VOTE", quorum=1, full_panel_fraction=1.0)
        reply = await bench.infer(jury, QUESTION)
    again = [one for one in reply.participants if one.attempt == 2]
    assert len(again) == ALWAYS_ALLOWED
    assert len(reply.participants) == len(names) + ALWAYS_ALLOWED
    refused = bench.metrics.registry.get_sample_value("turnout_retries_refused_total", {"router": ""})
    assert refused == len(names) - ALWAYS_ALLOWED
