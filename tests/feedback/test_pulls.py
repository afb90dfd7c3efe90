"""Draws are counted once, whoever counts them."""

from services.state.connection import Connections
from services.state.pulls import Counted, Pulls, PullStore

COUNTS = {("r1", "a"): Pulls(3, 1), ("r1", "b"): Pulls(2, 0), ("r2", "a"): Pulls(5, 5)}


async def test_counts_add_up_by_router_and_arm(connections: Connections) -> None:
    store = PullStore(connections.steady)
    assert await store.count(7, COUNTS, after=Counted(""), until="5-0")
    assert await store.count(7, {("r1", "a"): Pulls(10, 2)}, after=Counted("5-0"), until="6-1")
    assert await store.read(7, "r1") == {"a": Pulls(13, 3), "b": Pulls(2, 0)}
    assert await store.read(7, "r2") == {"a": Pulls(5, 5)}
    assert (await store.counted(7, [])).until == "6-1"


async def test_entries_that_somebody_else_has_counted_change_nothing(connections: Connections) -> None:
    """The former owner of a partition, woken late, brings what the new one has counted."""
    store = PullStore(connections.steady)
    await store.count(7, COUNTS, after=Counted(""), until="5-0")
    assert not await store.count(7, COUNTS, after=Counted(""), until="5-0")
    assert not await store.count(7, COUNTS, after=Counted("4-0"), until="6-0")
    assert await store.read(7, "r2") == {"a": Pulls(5, 5)}


async def test_entries_without_a_draw_still_move_on(connections: Connections) -> None:
    store = PullStore(connections.steady)
    assert await store.count(7, {}, after=Counted(""), until="9-0")
    assert (await store.counted(7, [])).until == "9-0"


async def test_partitions_do_not_mix(connections: Connections) -> None:
    store = PullStore(connections.steady)
    await store.count(7, COUNTS, after=Counted(""), until="5-0")
    assert await store.read(8, "r1") == {}
    assert (await store.counted(8, [])).until == ""
