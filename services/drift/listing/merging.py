"""Predictions of several routers as one list, newest first."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from services.state.records import RecordStore

# Round trips at a time.
AT_ONCE = 16
LEAST = 8


class Merged:
    """The ids of all predictions of `uids` (routers, or a model of which they were logged) from `start` on,
    in seconds since 1970; each id once, read as far as it is asked for."""

    def __init__(self, records: RecordStore, uids: Iterable[str], start: float) -> None:
        self._records = records
        self._start = start
        self._found: dict[str, deque[str]] = {uid: deque() for uid in dict.fromkeys(uids)}
        self._ended: set[str] = set()

    async def names(self, below: str, count: int) -> Sequence[str]:
        """The `count` greatest ids below `below`, which is where the call before ended; fewer if there are no
        more. Raises StateUnavailable."""
        names: list[str] = []
        while len(names) < count:
            await self._refill(below, count)
            heads = [some for some in self._found.values() if some]
            if not heads:
                break
            # Until one of them has to be asked for more.
            while len(names) < count and all(heads):
                names.append(max(heads, key=lambda some: some[0]).popleft())
            below = names[-1]
        return names

    async def _refill(self, below: str, count: int) -> None:
        empty = [uid for uid, some in self._found.items() if not some and uid not in self._ended]
        share = min(count, count // len(self._found) + LEAST) if self._found else 0
        for begin in range(0, len(empty), AT_ONCE):
            uids = empty[begin : begin + AT_ONCE]
            pages = await asyncio.gather(
                *(self._records.names(uid, below, self._start, share) for uid in uids)
            )
            for uid, page in zip(uids, pages, strict=True):
                self._found[uid].extend(page)
                if len(page) < share:
                    self._ended.add(uid)
