"""Progress of a plan as it is made, for whoever listens."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from turnout.aggregator.v1.aggregator_service_pb2 import InferResponse, InferStreamResponse

from services.aggregator.asking import Entry
from services.aggregator.wire.replies import write_participant

# Messages; more are fetched by nobody who reads along.
MOST_WAITING = 64


class Progress:
    """A listener whose news is read with `follow`. What nobody reads any more is forgotten with it.

    Nothing is dropped, nobody waits for a slow reader, and what waits for him is bounded: where much does,
    the words that follow become one delta; of participants there is one for each attempt that a plan allows.
    """

    def __init__(self) -> None:
        # A participant, or words that follow each other.
        self._news: deque[InferStreamResponse | list[str]] = deque()
        self._ready = asyncio.Event()
        self._over = False

    def finished(self, entry: Entry) -> None:
        """A participant has ended, or will not be asked."""
        news = InferStreamResponse()
        write_participant(entry, news.participant)
        self._news.append(news)
        self._ready.set()

    def said(self, text: str) -> None:
        """The final step goes on."""
        last = self._news[-1] if self._news else None
        if isinstance(last, list) and len(self._news) >= MOST_WAITING:
            last.append(text)
        else:
            self._news.append([text])
        self._ready.set()

    async def follow(self, running: "asyncio.Task[InferResponse]") -> AsyncIterator[InferStreamResponse]:
        """The news while the task runs, and its reply in the end; raises what it raises."""
        running.add_done_callback(self._ended)
        while not self._over:
            await self._ready.wait()
            self._ready.clear()
            while self._news:
                news = self._news.popleft()
                yield InferStreamResponse(delta="".join(news)) if isinstance(news, list) else news
        yield InferStreamResponse(response=running.result())

    def _ended(self, running: "asyncio.Task[InferResponse]") -> None:
        if not running.cancelled():
            # Looked at here: nobody else does once the reader has left.
            running.exception()
        self._over = True
        self._ready.set()
