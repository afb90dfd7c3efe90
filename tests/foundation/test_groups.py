"""Items of a stream in groups: in order, one group on its way at a time, and none of them left behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from services.foundation.groups import Groups


async def messages(*sizes: int) -> AsyncIterator[list[int]]:
    first = 0
    for size in sizes:
        yield list(range(first, first + size))
        first += size


def itself(message: list[int]) -> Sequence[int]:
    return message


@pytest.mark.parametrize(("sizes", "groups"), [([], [0]), ([3], [3, 0]), ([2, 5, 1], [3, 3, 2])])
async def test_items_come_in_order_in_groups_of_a_size_and_the_rest(
    sizes: list[int], groups: list[int]
) -> None:
    carried: list[Sequence[int]] = []
    flying = 0

    async def carry(group: Sequence[int]) -> None:
        nonlocal flying
        flying += 1
        assert flying == 1
        await asyncio.sleep(0)
        carried.append(group)
        flying -= 1

    await Groups(3, itself, carry).read(messages(*sizes))
    assert [one for group in carried for one in group] == list(range(sum(sizes)))
    assert [len(group) for group in carried] == groups


async def test_the_next_group_is_gathered_while_one_is_on_its_way() -> None:
    read, go = asyncio.Event(), asyncio.Event()

    async def stream() -> AsyncIterator[list[int]]:
        yield [0]
        yield [1]
        read.set()

    async def carry(_group: Sequence[int]) -> None:
        await go.wait()

    reading = asyncio.create_task(Groups(2, itself, carry).read(stream()))
    await read.wait()
    assert not reading.done()
    go.set()
    await reading


async def test_who_cannot_go_on_leaves_nothing_on_its_way() -> None:
    begun, left = asyncio.Event(), asyncio.Event()

    async def carry(_group: Sequence[int]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    async def stream() -> AsyncIterator[list[int]]:
        yield [0, 1]
        await begun.wait()
        raise ValueError("broken off")

    with pytest.raises(ValueError, match="broken off"):
        await Groups(2, itself, carry).read(stream())
    await left.wait()
