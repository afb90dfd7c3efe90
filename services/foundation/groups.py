"""The items of a stream in groups: one group is on its way while the next is gathered, and never two."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

M = TypeVar("M")
T = TypeVar("T")


class Groups(Generic[M, T]):
    """Reads `items_of` each message, and gives them to `carry`, `size` at a time and in order."""

    def __init__(
        self,
        size: int,
        items_of: Callable[[M], Sequence[T]],
        carry: Callable[[Sequence[T]], Coroutine[Any, Any, None]],
    ) -> None:
        self._size = size
        self._items_of = items_of
        self._carry = carry
        self._flight: asyncio.Task[None] | None = None

    async def read(self, stream: AsyncIterator[M]) -> None:
        """Carry everything; the last group may be smaller, and empty. Raises what the two functions raise; a
        group that is on its way is cancelled then."""
        group: list[T] = []
        try:
            async for message in stream:
                group += self._items_of(message)
                while len(group) >= self._size:
                    await self._begin(group[: self._size])
                    group = group[self._size :]
            await self._begin(group)
            await self._landed()
        finally:
            if self._flight:
                self._flight.cancel()

    async def _begin(self, group: Sequence[T]) -> None:
        await self._landed()
        self._flight = asyncio.create_task(self._carry(group))

    async def _landed(self) -> None:
        flight, self._flight = self._flight, None
        if flight:
            await flight
