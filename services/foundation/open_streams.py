"""Streams that are open where access is enforced: who opened one is asked after again while it lasts.

Nothing is done per message: one look at all of them a second, from memory, and none while no stream is open.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# A revoked key reaches a process within a second (services/state/key_ring.py): the stream ends within two.
LOOK_SECONDS = 1.0
# In between, calls get their turn.
AT_ONCE = 64

# Raises why the caller may not go on.
Again = Callable[[], Awaitable[None]]


@dataclass(eq=False, slots=True)
class _Stream:
    """The task that serves a stream, and its call, which is told why it ends."""

    task: "asyncio.Task[Any]"
    call: Any
    again: Again


class OpenStreams:
    """The streams of one server. Run `run()` in the background."""

    def __init__(self, look_seconds: float = LOOK_SECONDS) -> None:
        self._look_seconds = look_seconds
        self._open: dict[_Stream, None] = {}
        self._somebody = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def kept(self, call: Any, again: Again) -> Iterator[None]:
        """A stream within the task that serves it; once `again` raises the task is cancelled, and
        `call.refused` says why."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a stream is served by a task")
        stream = _Stream(task, call, again)
        self._open[stream] = None
        self._somebody.set()
        try:
            yield
        finally:
            del self._open[stream]
            if not self._open:
                self._somebody.clear()

    async def run(self) -> None:
        """Look after them until cancelled."""
        while True:
            await self._somebody.wait()
            await asyncio.sleep(self._look_seconds)
            await self.look()

    async def look(self) -> None:
        """Ask after every open stream once, and end those whose callers may not go on."""
        streams = list(self._open)
        for first in range(0, len(streams), AT_ONCE):
            # Side by side: one whose answer must be fetched keeps nobody else's stream open.
            await asyncio.gather(*(self._ask(one) for one in streams[first : first + AT_ONCE]))

    async def _ask(self, stream: _Stream) -> None:
        try:
            await stream.again()
        except Exception as refusal:  # noqa: BLE001 (whoever cannot be asked after may not go on either)
            # It may have ended meanwhile, and its task be busy with something else.
            if stream in self._open:
                stream.call.refused = refusal
                stream.task.cancel()
