"""How often an entry was tried: what it did to its readers counts against it, an outage of Redis does not."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from services.state.errors import LostLease
from services.state.fenced import Fence
from services.state.group import Group


@dataclass(slots=True)
class Tried:
    """What an owner knows of an entry. failed: tries that failed; open: Redis may hold one more."""

    fence: Fence
    entry: str
    failed: int = 0
    open: bool = False


class Tries:
    """Counts a try in Redis before it begins, for it may be the reader's end, and takes it back if it came to
    nothing.

    A try that ended because Redis was away cannot be taken back there and then: `settle()` does it once Redis
    answers, also for partitions that were lost meanwhile.
    """

    def __init__(self, group: Group[Any]) -> None:
        self._group = group
        self._tried: dict[int, Tried] = {}

    async def begin(self, partition: int, fence: Fence, entry: str) -> tuple[int, str]:
        """Count a try. Returns the tries so far, this one included, and why the last one failed. Raises
        LostLease, StateUnavailable."""
        one = self._tried.get(partition)
        if one is None or (one.fence, one.entry) != (fence, entry):
            one = self._tried[partition] = Tried(fence, entry)
        # Before the call: without its answer nobody knows whether it counted.
        one.open = True
        return await self._group.tries(partition, fence, entry, one.failed + 1)

    async def fail(self, partition: int, why: str) -> None:
        """The try failed, and the entry is to blame. Raises LostLease, StateUnavailable."""
        one = self._tried[partition]
        one.failed, one.open = one.failed + 1, False
        await self._group.tries(partition, one.fence, one.entry, one.failed, why)

    def forget(self, partition: int) -> None:
        """The entry is done, and Redis knows."""
        self._tried.pop(partition, None)

    async def settle(self) -> None:
        """Take back every try that nothing came of. None may be under way. Raises StateUnavailable."""
        for partition, one in list(self._tried.items()):
            if one.open:
                with suppress(LostLease):
                    await self._group.tries(partition, one.fence, one.entry, one.failed)
                one.open = False
