"""Who waits until what they put is in Redis."""

import asyncio
from collections.abc import Mapping

from services.state.errors import StateUnavailable


class Flushes:
    """Waiters for counts of events per partition: `done` events of a partition are in Redis."""

    def __init__(self) -> None:
        self._done: dict[int, int] = {}
        self._waiting: dict[asyncio.Future[None], dict[int, int]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, wanted: Mapping[int, int], seconds: float) -> None:
        """Return when each partition is as far as wanted. Raises StateUnavailable after `seconds`, or when
        some of it is lost."""
        missing = {key: count for key, count in wanted.items() if count > self._done.get(key, 0)}
        if not missing:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = missing
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            raise not_stored() from None
        finally:
            del self._waiting[future]

    def advance(self, partition: int, through: int) -> None:
        """The first `through` events of a partition are in Redis."""
        self._done[partition] = max(through, self._done.get(partition, 0))
        for future, missing in self._waiting.items():
            if missing.get(partition, through + 1) <= through:
                del missing[partition]
                if not missing and not future.done():
                    future.set_result(None)

    def lose(self, partition: int) -> None:
        """Some of what is awaited of a partition is lost."""
        for future, missing in self._waiting.items():
            if partition in missing and not future.done():
                future.set_exception(not_stored())


def not_stored() -> StateUnavailable:
    """What a caller is told who asked to wait for the log."""
    return StateUnavailable("the prediction could not be logged in time", retry_after=1.0)
