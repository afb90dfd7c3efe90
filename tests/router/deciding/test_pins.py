"""Entities that hold their variant: what is told of it, explained, replayed, and done where Redis is away."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.manifest_pb2 import Decision
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.router_pb2 import Router

from services.router.deciding.pinning import UNHELD
from services.router.replay.archive import Archive
from services.router.replay.recomputing import Verdict, recompute
from services.router.replay.redrawing import redraw
from services.state import pin_keys
from services.state.connection import Connections
from services.state.embedded import EmbeddedRedis
from services.state.ids import partition_for
from tests.router.conftest import BAYES, Desk, doctors, running_router
from tests.router.deciding.test_over_a_channel import A, B, decided, explained, taken_in, weigh

PINNED = {"enabled": True, "pin": True}


def pinning(first: float, second: float, **how: Any) -> Router:
    """The two doctors with these weights."""
    given = doctors(stickiness=PINNED, **how)
    given.variants[0].weight, given.variants[1].weight = first, second
    return given


def pin_of(router: Router, decision: Decision) -> str:
    return pin_keys.pin(partition_for(router.uid), router.uid, decision.unit_hash)


def event_of(router: Router, decision: Decision, entity_id: str) -> PredictionEvent:
    event = PredictionEvent(router_uid=router.uid, entity_id=entity_id)
    event.manifest.generation = decision.versions.config
    event.manifest.decision.CopyFrom(decision)
    event.features.numeric_features.update(BAYES)
    return event


async def test_a_held_variant_has_the_propensity_of_the_draw_that_the_entity_got_it_by(
    desk: Desk, connections: Connections
) -> None:
    """What was chosen then is not chosen again: today's share says nothing of it."""
    stored = await desk.deploy("cancer", pinning(100, 25))
    first = await decided(desk, entity_id="ann")
    held = first.variant
    assert (first.held, first.propensity) == (False, 0.8 if held == A else 0.2)
    again = await decided(desk, entity_id="ann")
    assert (again.held, again.variant, again.displaced) == (True, held, "")
    assert again.propensity == first.propensity
    await weigh(desk, **{held.replace("-", "_"): 0.0001, (A if held == B else B).replace("-", "_"): 100})
    later = await decided(desk, entity_id="ann")
    assert (later.held, later.variant, later.displaced) == (True, held, A if held == B else B)
    assert later.propensity == first.propensity
    assert later.explanation.startswith(f"{held} is held by the entity, which got it with probability 0.")
    today = next(one.probability for one in later.candidates if one.variant == held)
    assert today == pytest.approx(1e-6, rel=1e-3)
    for told in (first, again, later):
        event = event_of(stored, told, "ann")
        found = await Archive(connections).stored(event)
        assert found is not None
        assert recompute(event, found) == Verdict([], [])


async def test_a_forged_hold_is_not_reproduced(desk: Desk, connections: Connections) -> None:
    stored = await desk.deploy("cancer", doctors(stickiness={"enabled": True}))
    told = await decided(desk, entity_id="ann")
    told.held = True
    event = event_of(stored, told, "ann")
    found = await Archive(connections).stored(event)
    assert found is not None
    assert recompute(event, found).mismatches == [
        "an entity holds its variant, and the configuration pins none"
    ]
    told.propensity, told.displaced = 0.0, told.variant
    assert len(redraw(told)) == 2
    told.variant = "nobody"
    assert "nobody is held, and has no share" in redraw(told)


async def test_where_one_alone_may_be_drawn_nothing_is_held(desk: Desk) -> None:
    large = {"name": "large", "condition": "features['mean radius'] > 20.0", "variant": B}
    await desk.deploy("cancer", pinning(100, 0.0001, policies=[large]))
    assert (await decided(desk, entity_id="ann")).variant == A
    assert (await decided(desk, entity_id="ann")).held
    told = await decided(desk, {**BAYES, "mean radius": 25.0}, entity_id="ann")
    assert (told.variant, told.propensity, told.held) == (B, 1.0, False)


async def test_what_a_rule_could_not_say_is_told_of_a_held_variant_too(desk: Desk) -> None:
    torn = {"name": "torn", "condition": "attributes['absent'] == 'x'", "variant": B}
    await desk.deploy("cancer", pinning(100, 0.0001, policies=[torn]))
    await decided(desk, entity_id="ann")
    await weigh(desk, cancer_bayes=0.0001, cancer_stump=100)
    told = await decided(desk, entity_id="ann")
    assert (told.held, told.displaced, list(told.rule_errors)) == (True, B, ["torn"])


async def test_an_explanation_sees_the_pin_and_makes_none(desk: Desk, connections: Connections) -> None:
    stored = await desk.deploy("cancer", pinning(100, 0.0001))
    would = (await explained(desk, entity_id="ann")).decision
    key = pin_of(stored, would)
    assert (would.variant, would.held) == (A, False)
    assert await connections.steady.get(key) is None
    await decided(desk, entity_id="ann")
    await weigh(desk, cancer_bayes=0.0001, cancer_stump=100)
    await connections.steady.expire(key, 1000)
    told = (await explained(desk, entity_id="ann")).decision
    assert (told.variant, told.held, told.displaced) == (A, True, B)
    assert told.propensity == pytest.approx(1 - 1e-6)
    assert await connections.steady.ttl(key) <= 1000
    assert not (await explained(desk, entity_id="bob")).decision.held


async def test_a_pin_that_another_replica_made_is_seen_by_explanations(
    desk: Desk, redis_url: str, connections: Connections, tmp_path: Path
) -> None:
    await desk.deploy("cancer", pinning(100, 0.0001))
    await decided(desk, entity_id="ann")
    await weigh(desk, cancer_bayes=0.0001, cancer_stump=100)
    async with running_router(redis_url, tmp_path / "other") as other:
        told = (await explained(other, entity_id="ann")).decision
        assert (told.variant, told.held) == (A, True)


@pytest.fixture
async def alone(redis_server: EmbeddedRedis, tmp_path: Path) -> AsyncIterator[Desk]:
    """A router on a Redis of its own, which the test may stop."""
    async with running_router(redis_server.url, tmp_path) as opened:
        await opened.seat(A, B)
        yield opened


async def test_without_redis_the_hash_decides_and_the_manifest_says_so(
    alone: Desk, redis_server: EmbeddedRedis
) -> None:
    await alone.deploy("cancer", pinning(100, 0.0001))
    await decided(alone, entity_id="ann")
    await weigh(alone, cancer_bayes=0.0001, cancer_stump=100)
    assert redis_server.pid is not None
    os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        reply = await alone.predict("cancer", entity_id="bob")
        told = reply.manifest.decision
        assert (told.variant, told.held, list(reply.manifest.warnings)) == (B, False, [UNHELD])
        assert told.propensity == pytest.approx(1 - 1e-6)
        assert not redraw(told)
        assert list((await explained(alone, entity_id="bob")).warnings) == [UNHELD]
        # What was seen of late needs no Redis.
        reply = await alone.predict("cancer", entity_id="ann")
        assert (reply.manifest.decision.variant, reply.manifest.decision.held) == (A, True)
        assert not reply.manifest.warnings
        batch = rpc.BatchPredictRequest(requests=[rpc.PredictRequest(router="cancer", entity_id="cat")])
        batch.requests[0].input.row.update(BAYES)
        (item,) = (await alone.call("InferenceService/BatchPredict", batch)).items
        assert list(item.response.manifest.warnings) == [UNHELD]
    finally:
        os.kill(redis_server.pid, signal.SIGCONT)


async def test_a_variant_that_goes_is_given_up_for_a_new_draw(desk: Desk) -> None:
    given = pinning(100, 50)
    given.variants.add(id="again", model="cancer-bayes", weight=50)
    await desk.deploy("cancer", given)
    first = await decided(desk, entity_id="ann")
    request = routers.ToggleVariantRequest(name="cancer", variant=first.variant, enabled=False)
    await taken_in(desk, await desk.call("RouterService/ToggleVariant", request))
    told = await decided(desk, entity_id="ann")
    share = next(one.probability for one in told.candidates if one.variant == told.variant)
    assert (told.held, told.propensity) == (False, share)
    assert (await decided(desk, entity_id="ann")).held
