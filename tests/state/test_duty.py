"""A duty: one process has it, until it leaves or is silent for too long."""

from services.state.connection import Connections
from services.state.duty import Duty
from tests.waiting import eventually


async def test_one_has_it_and_the_next_one_when_it_leaves(connections: Connections) -> None:
    first, second = (Duty(connections, "pods", name) for name in ("a", "b"))
    assert await first.held()
    assert not await second.held()
    assert await first.held()
    await first.leave()
    assert not await first.held()
    assert await second.held()


async def test_who_is_silent_loses_it(connections: Connections) -> None:
    """It knows by its own clock, and asks before it acts again."""
    clock = [0.0]
    first = Duty(connections, "pods", "a", seconds=0.2, now=lambda: clock[0])
    second = Duty(connections, "pods", "b", seconds=60.0)
    assert await first.held()
    await eventually(second.held)
    clock[0] = 0.3
    assert not await first.held()


async def test_two_duties_are_two(connections: Connections) -> None:
    assert await Duty(connections, "pods", "a").held()
    assert await Duty(connections, "other", "b").held()
