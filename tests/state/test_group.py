"""A group's place in a stream is moved by the partition's owner, and by nobody who was."""

import pytest

from services.state import keys
from services.state.connection import Connections
from services.state.errors import LostLease
from services.state.fenced import Fence
from services.state.group import Group, RawEntry
from tests.state.groups import ALONE, append


async def fences(connections: Connections) -> tuple[Fence, Fence]:
    """Those of a former owner and of the present one."""
    former, present = Fence.of(3, "drift", 1), Fence.of(3, "drift", 2)
    await connections.steady.set(present.key, present.token)
    return former, present


async def test_a_former_owner_moves_nothing(connections: Connections) -> None:
    former, present = await fences(connections)
    group = Group(connections, "drift", ALONE)
    (entry,) = await append(connections, 3, 1)
    assert await group.open(3, former) is None
    assert await group.open(3, present) == "0-0"
    with pytest.raises(LostLease):
        await group.commit(3, former, entry, 1)
    with pytest.raises(LostLease):
        await group.tries(3, former, entry, 1)
    with pytest.raises(LostLease):
        await group.bury(3, former, RawEntry(entry, b""), "why")
    assert await group.open(3, present) == "0-0"
    assert await group.lag() == {3: 1}
    assert await connections.steady.exists(keys.dead_letters(keys.events(3))) == 0


async def test_a_commit_whose_answer_was_lost_counts_once(connections: Connections) -> None:
    _, present = await fences(connections)
    group = Group(connections, "drift", ALONE)
    first, second, _ = await append(connections, 3, 1, 2, 3)
    await group.open(3, present)
    await group.commit(3, present, first, 1)
    for _ in range(2):
        await group.commit(3, present, second, 1)
    assert await group.lag() == {3: 1}
    assert await group.open(3, present) == second


async def test_a_group_that_comes_late_owes_only_what_is_left(connections: Connections) -> None:
    _, present = await fences(connections)
    first, *_ = await append(connections, 3, 1, 2, 3)
    group, late = Group(connections, "drift", ALONE), Group(connections, "late", ALONE)
    await group.open(3, present)
    await group.commit(3, present, first, 1)
    await late.open(3, present)
    assert await group.lag() == await late.lag() == {3: 2}


async def test_tries_are_counted_per_entry(connections: Connections) -> None:
    _, present = await fences(connections)
    group = Group(connections, "drift", ALONE)
    counts = [(await group.tries(3, present, "1-0", own))[0] for own in (1, 1, 2, 1)]
    assert counts == [1, 1, 2, 1]
    assert await group.tries(3, present, "1-0", 2, "no good") == (2, "no good")
    assert await group.tries(3, present, "1-0", 3) == (3, "no good")
    assert await group.tries(3, present, "2-0", 1) == (1, "")


async def test_a_former_owner_can_take_back_its_own_tries_and_nothing_else(connections: Connections) -> None:
    former, present = await fences(connections)
    group = Group(connections, "drift", ALONE)
    await connections.steady.set(former.key, former.token)
    assert await group.tries(3, former, "1-0", 2, "why") == (2, "why")
    await connections.steady.set(present.key, present.token)
    assert await group.tries(3, present, "1-0", 1) == (3, "why")
    for own, left in ((4, 3), (2, 3), (1, 2), (0, 1)):
        with pytest.raises(LostLease):
            await group.tries(3, former, "1-0", own)
        assert await group.tries(3, present, "1-0", 1) == (left, "why")
    await group.tries(3, present, "2-0", 1)
    with pytest.raises(LostLease):
        await group.tries(3, former, "1-0", 0)
    assert await group.tries(3, present, "2-0", 1) == (1, "")
