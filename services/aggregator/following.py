"""Progress of a plan as it is made, for whoever listens."""

import asyncio
from collections.abc import AsyncIterator

from turnout.aggregator.v1.aggregator_service_pb2 import InferResponse, InferStreamResponse

from services.aggregator.asking import Entry
from services.aggregator.wire.replies import write_participant


class Progress:
    """A listener whose news is read with `follow`. What nobody reads any more is forgotten with it."""

    def __init__(self) -> None:
        self._news: asyncio.Queue[InferStreamResponse | None] = asyncio.Queue()

    def finished(self, entry: Entry) -> None:
        """A participant has ended, or will not be asked."""
        self._news.put_nowait(InferStreamResponse(participant=write_participant(entry)))

    def said(self, text: str) -> None:
        """The final step goes on."""
        self._news.put_nowait(InferStreamResponse(delta=text))

    async def follow(self, running: "asyncio.Task[InferResponse]") -> AsyncIterator[InferStreamResponse]:
        """The news while the task runs, and its reply in the end; raises what it raises."""
        running.add_done_callback(self._ended)
        while (news := await self._news.get()) is not None:
            yield news
        yield InferStreamResponse(response=running.result())

    def _ended(self, running: "asyncio.Task[InferResponse]") -> None:
        if not running.cancelled():
            # Looked at here: nobody else does once the reader has left.
            running.exception()
        self._news.put_nowait(None)
