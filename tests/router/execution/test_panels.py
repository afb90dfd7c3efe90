"""Juries that fail, and somebody else who answers; juries that are mirrored."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.inference_service_pb2 import PredictRequest
from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import RemoteError
from services.state.connection import Connections
from tests.router.conftest import Desk, running_router
from tests.router.deciding.test_juries import patient
from tests.router.execution.acting import DRAWN, NEXT, Log, told
from tests.waiting import eventually

MEMBERS = ("cancer-logistic", "cancer-boosting", DRAWN)


def jury(**options: Any) -> Router:
    """Three doctors decide by vote, each asked once; NEXT sits aside."""
    vote = strategy.AGGREGATION_METHOD_VOTE
    ensemble = {"aggregation": vote, "quorum": 2, "members": MEMBERS, "member_retries": 0}
    return Router(variants=[{"model": one} for one in (*MEMBERS, NEXT)], ensemble=ensemble, **options)


async def test_where_the_quorum_is_not_met_the_next_variant_answers(panel: Desk, log: Log) -> None:
    await panel.deploy("ward", jury(fallback={"variants": [NEXT]}))
    for name in MEMBERS[:2]:
        panel.servers[name].faults.set("fail")
    reply = await panel.predict("ward", patient())
    *jurors, last = told(reply.manifest.participants)
    assert last == (NEXT, "FALLBACK", "SERVED")
    # Those whose failure may pass are asked twice.
    assert {(variant, role) for variant, role, _ in jurors} == {(name, "JUROR") for name in MEMBERS}
    assert reply.manifest.degraded
    (event,) = await log.predictions()
    assert event.manifest == reply.manifest
    assert event.output == reply.output
    assert event.outputs[-1].participant == len(jurors)


async def test_a_jury_that_hangs_leaves_the_next_variant_its_time(panel: Desk) -> None:
    await panel.deploy("ward", jury(fallback={"variants": [NEXT]}))
    for name in MEMBERS:
        panel.servers[name].faults.set("hang")
    request = PredictRequest(router="ward")
    request.input.row.update(patient())
    reply = await panel.call("InferenceService/Predict", request, within=3.0)
    assert told(reply.manifest.participants)[-1] == (NEXT, "FALLBACK", "SERVED")
    await eventually(lambda: all(panel.servers[name].in_flight == 0 for name in MEMBERS))


async def test_where_that_fails_too_the_jury_is_blamed_and_all_are_logged(panel: Desk, log: Log) -> None:
    await panel.deploy("ward", jury(fallback={"variants": [NEXT]}))
    for server in panel.servers.values():
        server.faults.set("fail")
    with pytest.raises(RemoteError) as caught:
        await panel.predict("ward", patient())
    assert caught.value.reason == "QUORUM_NOT_MET"
    (event,) = await log.predictions()
    assert told(event.manifest.participants)[-1] == (NEXT, "FALLBACK", "FAILED")
    assert {one.variant for one in event.manifest.participants} == {*MEMBERS, NEXT}


async def test_a_jury_that_fails_has_cost_what_its_members_cost(panel: Desk, log: Log) -> None:
    given = jury()
    given.ensemble.member_timeout.FromMilliseconds(500)
    await panel.deploy("ward", given)
    for name in MEMBERS[:2]:
        # One that failed at once could put the quorum out of reach before anybody has answered.
        panel.servers[name].faults.set("hang")
    with pytest.raises(RemoteError):
        await panel.predict("ward", patient())
    (event,) = await log.predictions()
    (answered,) = [one for one in event.manifest.participants if one.HasField("cost")]
    assert answered.variant == DRAWN
    assert event.manifest.total_cost == answered.cost


async def test_a_jury_is_mirrored_to_who_does_not_sit_in_it(panel: Desk, log: Log) -> None:
    await panel.deploy("ward", jury(mirror={"variants": [NEXT, DRAWN]}))
    reply = await panel.predict("ward", patient())
    assert told(reply.manifest.participants)[3:] == [(NEXT, "SHADOW", "PENDING")]
    (late,) = await log.completions()
    assert (late.index, told([late.participant])) == (3, [(NEXT, "SHADOW", "DISCARDED")])
    assert late.participant.HasField("agrees")


async def test_the_limits_hold_for_juries_too(panel: Desk) -> None:
    await panel.deploy("ward", jury(limits={"max_input_bytes": 20}))
    with pytest.raises(RemoteError) as caught:
        await panel.predict("ward", patient())
    assert (caught.value.code, caught.value.reason) == ("RESOURCE_EXHAUSTED", "TOO_LARGE")


async def test_a_caller_who_leaves_a_jury_leaves_the_names_of_its_members(panel: Desk, log: Log) -> None:
    await panel.deploy("ward", jury())
    for name in MEMBERS:
        panel.servers[name].faults.set("hang")
    calling = asyncio.ensure_future(panel.predict("ward", patient()))
    await eventually(lambda: all(panel.servers[name].in_flight == 1 for name in MEMBERS))
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    (event,) = await log.predictions()
    assert told(event.manifest.participants) == [(name, "JUROR", "CANCELLED") for name in MEMBERS]
    assert event.error_code == "CANCELLED"
    await eventually(lambda: all(panel.servers[name].in_flight == 0 for name in MEMBERS))


async def test_members_whose_aggregator_died_are_named_and_nothing_is_claimed_of_them(
    redis_url: str, connections: Connections, tmp_path: Path, log: Log
) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # HTTP/2 settings, so that the plan is sent; then nothing more.
        writer.write(bytes.fromhex("000000040000000000"))
        # Who connects again may ask for nothing: at the end of what he sends each read is empty, at once.
        while (data := await reader.read(65_536)) and b"Infer" not in data:
            pass
        writer.close()

    dying = await asyncio.start_server(die, "127.0.0.1", 0)
    address = f"127.0.0.1:{dying.sockets[0].getsockname()[1]}"
    async with dying, running_router(redis_url, tmp_path, aggregator=address) as desk:
        await desk.seat(*MEMBERS, NEXT)
        await desk.deploy("ward", jury(fallback={"variants": [NEXT]}))
        reply = await desk.predict("ward", patient())
        *jurors, last = reply.manifest.participants
        assert told(jurors) == [(name, "JUROR", "UNKNOWN") for name in MEMBERS]
        assert told([last]) == [(NEXT, "FALLBACK", "SERVED")]
        assert {one.error_message for one in jurors} == {
            "the aggregator: the connection was closed before it had answered"
        }
        assert reply.manifest.degraded
        (event,) = await log.predictions()
        assert event.manifest == reply.manifest
