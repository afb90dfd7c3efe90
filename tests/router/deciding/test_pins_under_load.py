"""Entities that hold their variant where load or latency decides: shares are of the moment, pins are not."""

import random

import pytest
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.foundation.telemetry import Telemetry
from services.models.pool import ModelPool
from services.router.config.defaults import with_defaults
from services.router.deciding.choosing import choose
from services.router.deciding.compiling import Ingredients, compile_plan
from services.router.deciding.explaining import told
from services.router.deciding.latencies import Latencies
from services.router.deciding.pinning import held
from services.router.replay.redrawing import redraw
from services.state.connection import Connections
from services.state.pins import Pins
from tests.router.deciding.worlds import UID, Dice, NoHeaders, models_of

PINNED = {"enabled": True, "pin": True}


@pytest.mark.parametrize("name", ["least_loaded", "latency_based"])
async def test_who_is_busy_or_slow_keeps_its_entities(connections: Connections, name: str) -> None:
    """Its share of 0 is of the moment; only who may not be chosen at all is left meanwhile."""
    rng, latencies, dice = random.Random(3), Latencies(lambda: 1.0), Dice(3)
    given = Router(name="routers/moment", uid=UID, generation=1, stickiness=PINNED, **{name: {}})  # type: ignore[arg-type]  # by field
    for model in ("m0", "m1", "m2"):
        given.variants.add(model=model)
    router = with_defaults(given)
    pool = ModelPool(Telemetry(rng=rng), rng)
    plan = compile_plan(router, Ingredients(models_of(router), pool.open, None, rng, latencies))
    pins, request = Pins(connections, lambda: 0.0, patience=10.0), rpc.PredictRequest(entity_id="ann")
    assert plan.sticky is not None
    choice = choose(plan, request, NoHeaders(), dice)
    first = await held(choice, plan, plan.sticky, request, pins)
    assert first.arm is not None
    first.arm.handle.endpoints[0].in_flight = 9
    latencies.of(first.arm.model, 10.0, 1.0).note(0.9, 1.0)
    choice = choose(plan, request, NoHeaders(), dice)
    assert choice.route.wheel.allocation[first.arm.place] == 0
    second = await held(choice, plan, plan.sticky, request, pins)
    decision = told(second)
    assert (decision.variant, decision.held) == (first.arm.variant, True)
    assert choice.arm is not None
    assert decision.displaced == choice.arm.variant != first.arm.variant
    assert decision.propensity == told(first).propensity
    assert redraw(decision) == []
