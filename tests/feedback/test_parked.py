"""Feedback that waits for its record: kept once, bounded, tried again when due."""

from services.state import keys
from services.state.connection import Connections
from services.state.parked import FIRST_WAIT_SECONDS, Parked, ParkedStore

NOW = 1_750_000_000.0


async def test_what_is_parked_is_due_after_a_moment(connections: Connections) -> None:
    store = ParkedStore(connections.steady)
    assert await store.park(3, "one", b"item", NOW, evict=False) is Parked.PARKED
    assert await store.due(3, NOW, 10) == {}
    assert await store.due(3, NOW + FIRST_WAIT_SECONDS, 10) == {"one": b"item"}
    assert await store.due(4, NOW + 99, 10) == {}


async def test_the_same_again_is_a_duplicate_and_keeps_its_first_content(connections: Connections) -> None:
    store = ParkedStore(connections.steady)
    await store.park(3, "one", b"first", NOW, evict=False)
    assert await store.park(3, "one", b"second", NOW + 50, evict=False) is Parked.DUPLICATE
    assert await store.due(3, NOW + 1, 10) == {"one": b"first"}


async def test_what_is_not_the_same_is_told_and_keeps_its_first_content(connections: Connections) -> None:
    store = ParkedStore(connections.steady)
    await store.park(3, "one", b"first", NOW, evict=False)
    again = await store.park(3, "one", b"then", NOW, evict=True, same=lambda kept: kept == b"first")
    other = await store.park(3, "one", b"then", NOW, evict=True, same=lambda kept: kept == b"then")
    assert (again, other) == (Parked.DUPLICATE, Parked.OTHER)
    assert await store.due(3, NOW + 1, 10) == {"one": b"first"}


async def test_a_full_store_refuses_or_drops_what_has_waited_for_longest(connections: Connections) -> None:
    store = ParkedStore(connections.steady, most=2)
    await store.park(3, "old", b"1", NOW, evict=False)
    await store.park(3, "new", b"2", NOW, evict=False)
    await store.finish(3, [], {"old": NOW + 600})
    assert await store.park(3, "more", b"3", NOW, evict=False) is Parked.FULL
    assert await store.park(3, "more", b"3", NOW, evict=True) is Parked.EVICTED
    assert set(await store.due(3, NOW + 9999, 10)) == {"new", "more"}


async def test_what_is_postponed_is_due_later_and_what_is_removed_never(connections: Connections) -> None:
    store = ParkedStore(connections.steady)
    for name in ("one", "two"):
        await store.park(3, name, b"item", NOW, evict=False)
    await store.finish(3, ["two"], {"one": NOW + 50, "never-parked": NOW})
    assert await store.due(3, NOW + 40, 10) == {}
    assert set(await store.due(3, NOW + 50, 10)) == {"one"}


async def test_the_longest_due_come_first_and_not_all_at_once(connections: Connections) -> None:
    store = ParkedStore(connections.steady)
    for at, name in enumerate(("c", "a", "b")):
        await store.park(3, name, b"item", NOW + at, evict=False)
    assert list(await store.due(3, NOW + 99, 2)) == ["c", "a"]


async def test_says_where_something_is_due(connections: Connections) -> None:
    store = ParkedStore(connections.steady)
    for partition in (3, 5):
        await store.park(partition, "one", b"item", NOW + partition, evict=False)
    assert await store.waiting([2, 3, 4, 5], NOW + 4) == [3]
    assert await store.waiting([], NOW + 4) == []


async def test_it_expires_as_a_whole(connections: Connections) -> None:
    await ParkedStore(connections.steady).park(3, "one", b"item", NOW, evict=False)
    for key in (keys.parked(3), keys.parked_items(3)):
        assert 0 < await connections.steady.ttl(key) <= 3 * 86_400


async def test_an_entry_without_its_item_is_forgotten_and_holds_up_nobody(connections: Connections) -> None:
    """Its item went with a connection that broke, or another owner finished it between the two looks."""
    store, redis = ParkedStore(connections.steady), connections.steady
    await store.park(3, "lost", b"item", NOW, evict=False)
    await store.park(3, "kept", b"item", NOW + 0.1, evict=False)
    await redis.hdel(keys.parked_items(3), "lost")
    assert await store.due(3, NOW + 1, 1) == {}
    assert await redis.zrange(keys.parked(3), 0, -1) == [b"kept"]
    assert await store.due(3, NOW + 1, 1) == {"kept": b"item"}
    await redis.hdel(keys.parked_items(3), "kept")
    assert await store.due(3, NOW + 1, 10) == {}
    assert await store.waiting([3], NOW + 1) == []
    # Said again, it is feedback like any other.
    assert await store.park(3, "lost", b"again", NOW, evict=False) is Parked.PARKED
    assert await store.due(3, NOW + 1, 10) == {"lost": b"again"}


async def test_an_item_without_its_entry_is_never_tried_again_and_expires(connections: Connections) -> None:
    """The end of `finish` was lost: what it was about is done, so saying it again is a duplicate."""
    store, redis = ParkedStore(connections.steady), connections.steady
    await store.park(3, "done", b"item", NOW, evict=False)
    await redis.zrem(keys.parked(3), "done")
    assert await store.due(3, NOW + 9999, 10) == {}
    assert await store.waiting([3], NOW + 9999) == []
    assert await store.park(3, "done", b"item", NOW, evict=False) is Parked.DUPLICATE
    assert await store.due(3, NOW + 9999, 10) == {}
    assert await redis.ttl(keys.parked_items(3)) > 0
