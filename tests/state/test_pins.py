"""What an entity holds, also where Redis says so later than a prediction waits."""

import asyncio

import pytest

from services.state.connection import Connections
from services.state.errors import StateUnavailable
from services.state.ids import partition_for
from services.state.pins import Pin, Pins
from tests.waiting import eventually

UID = "018bcfe5-69f4-7000-8591-b7582265b1f5"
PARTITION = partition_for(UID)
FIRST, SECOND = Pin("a", 0.25), Pin("b", 0.75)
WEEK = 7 * 86_400.0


async def test_a_unit_holds_what_it_first_got(connections: Connections) -> None:
    pins = Pins(connections, lambda: 0.0, patience=30.0)
    assert await pins.hold(PARTITION, UID, "unit", FIRST, WEEK) == (FIRST, True)
    assert await pins.hold(PARTITION, UID, "unit", SECOND, WEEK) == (FIRST, False)
    assert await pins.hold(PARTITION, UID, "unit", SECOND, WEEK, instead_of="a") == (SECOND, True)
    assert pins.remembered(UID, "unit") == SECOND


async def test_a_pin_that_nobody_waited_for_is_there_for_the_next(connections: Connections) -> None:
    pins = Pins(connections, lambda: 0.0, patience=0.0)
    for unit in ("one", "two"):
        with pytest.raises(StateUnavailable, match="no pin in time"):
            await pins.hold(PARTITION, UID, unit, FIRST, WEEK)
        assert pins.remembered(UID, unit) is None
    await eventually(lambda: pins.remembered(UID, "one") == pins.remembered(UID, "two") == FIRST)
    patient = Pins(connections, lambda: 0.0, patience=30.0)
    assert await patient.find(PARTITION, UID, "one") == FIRST


async def test_who_leaves_takes_his_question_along(connections: Connections) -> None:
    pins = Pins(connections, lambda: 0.0, patience=30.0)
    asking = asyncio.ensure_future(pins.hold(PARTITION, UID, "unit", FIRST, WEEK))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert pins.remembered(UID, "unit") is None
