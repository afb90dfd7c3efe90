"""Shadows: copies that are compared and told of later, and that can hurt nobody."""

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.drift.build import consumer_of, handler_of
from services.foundation.errors import RemoteError
from services.router.execution.mirrors import sampled
from services.state.connection import Connections
from services.state.ids import new_prediction_id
from tests.fleet import fleet_model, scripted_model
from tests.router.conftest import Desk, running_router
from tests.router.execution.acting import DRAWN, NEXT, Log, question, told, ward
from tests.state.background import running
from tests.waiting import eventually


def mirrored(**how: Any) -> Router:
    """NEXT sees copies of what DRAWN answers."""
    return ward(mirror={"variants": [NEXT], **how})


async def test_a_copy_is_pending_in_the_reply_and_told_of_later(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", mirrored())
    reply = await desk.predict("cancer")
    assert told(reply.manifest.participants) == [(DRAWN, "PRIMARY", "SERVED"), (NEXT, "SHADOW", "PENDING")]
    assert not reply.manifest.degraded
    # Nobody is billed for what he did not ask for.
    assert reply.manifest.total_cost == reply.manifest.participants[0].cost
    (late,) = await log.completions()
    assert (late.prediction_id, late.index) == (reply.prediction_id, 1)
    assert told([late.participant]) == [(NEXT, "SHADOW", "DISCARDED")]
    assert late.participant.endpoint == desk.servers[NEXT].address
    assert late.participant.latency.ToNanoseconds() > 0
    assert late.participant.HasField("cost")
    assert late.output == (await desk.predict("cancer", variant=NEXT)).output
    same = late.output.classification.label == reply.output.classification.label
    assert late.participant.HasField("agrees")
    assert late.participant.agrees is same
    labels = {"model": f"models/{NEXT}", "outcome": "discarded"}
    assert desk.metrics.registry.get_sample_value("turnout_shadow_copies_total", labels) == 1


async def test_the_others_of_a_shadow_router_see_everything(desk: Desk, log: Log) -> None:
    variants = [{"model": DRAWN}, {"model": NEXT}]
    await desk.deploy("cancer", Router(variants=variants, shadow={"primary": NEXT}))
    for _ in range(3):
        reply = await desk.predict("cancer")
        assert told(reply.manifest.participants) == [
            (NEXT, "PRIMARY", "SERVED"),
            (DRAWN, "SHADOW", "PENDING"),
        ]
        assert reply.manifest.decision.propensity == 1.0
    assert {told([one.participant])[0][2] for one in await log.completions(3)} == {"DISCARDED"}


async def test_the_record_is_completed(desk: Desk, connections: Connections) -> None:
    await desk.deploy("cancer", mirrored())
    reply = await desk.predict("cancer")
    ownership, consumer = consumer_of(
        connections, handler_of(connections, time.time), time.time, random.Random(1)
    )
    async with running(ownership.run(), consumer.run()):

        async def complete() -> bool:
            request = routers.GetPredictionRequest(prediction_id=reply.prediction_id)
            try:
                found = (await desk.call("RouterService/GetPrediction", request)).prediction
            except RemoteError as not_yet:
                raise AssertionError(not_yet.message) from None
            outcomes = [outcome for _, _, outcome in told(found.event.manifest.participants)]
            assert outcomes == ["SERVED", "DISCARDED"]
            assert [one.participant for one in found.event.outputs] == [0, 1]
            return True

        await eventually(complete)


@pytest.mark.parametrize("mode", ["hang", "fail", "gone"])
async def test_a_shadow_that_is_ill_changes_nothing(desk: Desk, log: Log, mode: str) -> None:
    await desk.deploy("cancer", mirrored(timeout={"nanos": 200_000_000}))
    well = await desk.predict("cancer", variant=DRAWN)
    shadow = desk.servers[NEXT]
    if mode == "gone":
        await shadow.drain(grace=0)
    else:
        shadow.faults.set(mode)
    for _ in range(10):
        reply = await desk.predict("cancer")
        assert reply.output == well.output
        assert told(reply.manifest.participants)[0] == (DRAWN, "PRIMARY", "SERVED")
        assert not reply.manifest.warnings
        assert not reply.manifest.degraded
    late = (await log.completions(11))[1:]
    expected = "TIMED_OUT" if mode == "hang" else "FAILED"
    assert {told([one.participant])[0][2] for one in late} == {expected}
    assert not any(one.HasField("output") or one.participant.HasField("agrees") for one in late)
    # What shadows meet with says nothing of a model's health: nobody is ejected by copies.
    candidates = (await desk.predict("cancer")).manifest.decision.candidates
    assert not any("ejected" in one.reason for one in candidates)


@pytest.mark.parametrize("size", [100, 100_000_000], ids=["garbage", "100 MB"])
async def test_a_shadow_that_answers_nonsense_changes_nothing(desk: Desk, log: Log, size: int) -> None:
    async def nonsense(request: ModelInferRequest) -> ModelInferResponse:
        reply = ModelInferResponse(model_name=request.model_name)
        reply.outputs.add(name="predict", datatype="FP64", shape=[1, 1])
        reply.raw_output_contents.append(bytes(size))
        return reply

    async with scripted_model("odd", nonsense) as server:
        model = registration(NEXT, server.address)
        model.name, model.served_name = "models/odd", "odd"
        await desk.register(model)
        router = ward(mirror={"variants": ["odd"]})
        router.variants.add(model="odd", weight=0)
        await desk.deploy("cancer", router)
        reply = await desk.predict("cancer")
        assert told(reply.manifest.participants) == [
            (DRAWN, "PRIMARY", "SERVED"),
            ("odd", "SHADOW", "PENDING"),
        ]
        (late,) = await log.completions()
        assert told([late.participant]) == [("odd", "SHADOW", "FAILED")]
        assert late.participant.error_message


async def test_what_finds_no_room_is_dropped_and_said(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", mirrored(max_concurrency=1, max_waiting=1))
    shadow = desk.servers[NEXT]
    shadow.faults.set("hang")
    outcomes = []
    for place in range(4):
        reply = await desk.predict("cancer")
        outcomes.append(told(reply.manifest.participants)[1][2])
        if place == 0:
            await eventually(lambda: shadow.in_flight == 1)
    assert outcomes == ["PENDING", "PENDING", "DROPPED", "DROPPED"]
    assert list(reply.manifest.warnings) == [f"not mirrored to {NEXT}: 1 copies are in flight and 1 wait"]
    assert not reply.manifest.degraded
    labels = {"model": f"models/{NEXT}", "outcome": "dropped"}
    assert desk.metrics.registry.get_sample_value("turnout_shadow_copies_total", labels) == 2
    shadow.faults.set("ok")
    assert len(await log.completions(2)) == 2


@pytest.mark.parametrize(("most", "outcome"), [(10_000, "PENDING"), (10, "DROPPED")])
async def test_inputs_that_are_too_large_are_not_copied(desk: Desk, most: int, outcome: str) -> None:
    await desk.deploy("cancer", mirrored(max_input_bytes=most))
    reply = await desk.predict("cancer")
    assert told(reply.manifest.participants)[1] == (NEXT, "SHADOW", outcome)


async def test_who_answers_gets_no_copy_and_who_is_disabled_does(desk: Desk) -> None:
    await desk.seat("cancer-boosting")
    router = mirrored()
    router.variants.add(model="cancer-boosting", weight=0)
    router.variants[1].enabled = False
    await desk.deploy("cancer", router)
    assert told((await desk.predict("cancer")).manifest.participants)[1:] == [(NEXT, "SHADOW", "PENDING")]
    router.variants[1].enabled, router.mirror.variants[:] = True, [DRAWN]
    await desk.deploy("other", router)
    assert len((await desk.predict("other")).manifest.participants) == 1


async def test_a_prediction_that_fails_is_mirrored_too(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", mirrored())
    desk.servers[DRAWN].faults.set("fail")
    await asyncio.gather(desk.predict("cancer"), return_exceptions=True)
    (event,) = await log.predictions()
    assert told(event.manifest.participants) == [(DRAWN, "PRIMARY", "FAILED"), (NEXT, "SHADOW", "PENDING")]
    (late,) = await log.completions()
    assert late.HasField("output")
    assert not late.participant.HasField("agrees")


async def test_the_end_of_a_replica_tells_of_every_copy(
    redis_url: str, connections: Connections, tmp_path: Path, log: Log
) -> None:
    """Two seconds for those in flight, and nothing for those in line."""
    async with fleet_model(NEXT, "hang") as shadow, running_router(redis_url, tmp_path) as desk:
        await desk.seat(DRAWN)
        await desk.register(registration(NEXT, shadow.address))
        await desk.deploy("cancer", mirrored(max_concurrency=2))
        replies = [await desk.call("InferenceService/Predict", question("cancer")) for _ in range(5)]
    late = {one.prediction_id: told([one.participant])[0][2] for one in await log.completions(5)}
    assert sorted(late) == sorted(reply.prediction_id for reply in replies)
    assert sorted(late.values()) == ["CANCELLED"] * 2 + ["DROPPED"] * 3


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_sampling_is_a_stable_share_of_the_ids(share: float) -> None:
    rng, count = random.Random(9), 20_000
    made = [new_prediction_id(3, 1.7e9 + place, rng) for place in range(count)]
    chosen = [sampled(name, share) for name in made]
    assert chosen == [sampled(name, share) for name in made]
    # Five standard deviations.
    assert abs(sum(chosen) - share * count) <= 5 * (count * share * (1 - share)) ** 0.5
    # Whoever is in a small share is in a larger one.
    assert all(sampled(name, 0.5) for name in made if sampled(name, 0.1))
