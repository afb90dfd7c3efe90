"""A chat completion that arrives piece by piece, as server-sent events
(https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream)."""

import asyncio
import json

import aiohttp

from services.models.answer import CallFailed, malformed
from services.models.chat_pieces import Pieces
from services.models.connections import MESSAGE_BYTES
from services.models.http import broken, late, read_whole, refused

DONE = b"[DONE]"
# Appended to a body whose last byte is the brace that ends it: the body was serialized already.
_STREAMED = b', "stream": true, "stream_options": {"include_usage": true}}'


def streamed(body: bytes) -> bytes:
    """The body of the same question, asking for the answer in pieces and for the count of its tokens."""
    return body[:-1] + _STREAMED


class ChatStream:
    """One call. `next` until it returns None; then `whole` is the completion. `close` it in any case."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]
    ) -> None:
        self._session = session
        self._url, self._body, self._headers = url, body, headers
        self._response: aiohttp.ClientResponse | None = None
        self._pieces = Pieces()
        self._buffer = bytearray()
        self._size = 0
        self._ended = False
        self._raw = b""

    @property
    def whole(self) -> bytes:
        """The completion as it would have come in one."""
        return self._raw or self._pieces.completion()

    async def next(self, seconds: float) -> str | None:
        """The text that comes next, within `seconds`; None at the end. Raises CallFailed."""
        try:
            async with asyncio.timeout(seconds):
                return await self._next()
        except TimeoutError:
            raise late(seconds) from None
        except aiohttp.ClientError as wrong:
            raise broken(wrong) from None

    def close(self) -> None:
        """End the call; a server that is still at it sees its connection close."""
        if self._response is not None:
            self._response.close()

    async def _next(self) -> str | None:
        if self._response is None:
            await self._open()
            if self._raw:
                return _content(self._raw)
        while not self._ended:
            event = await self._event()
            if event is None or event == DONE:
                self._end(complete=event == DONE)
            elif text := self._pieces.add(event):
                return text
        return None

    async def _open(self) -> None:
        response = self._response = await self._session.request(
            "POST", self._url, data=self._body, headers=self._headers, allow_redirects=False
        )
        if response.status != 200:
            raw = await read_whole(response)
            raise refused(response.status, raw, self._headers.get("Authorization", ""), response.headers)
        if response.content_type == "application/json":
            # A server that knows nothing of pieces sends the whole.
            self._raw = await read_whole(response)
            self._ended = True

    async def _event(self) -> bytes | None:
        """The data of the next event; None at the end of the body."""
        assert self._response is not None  # noqa: S101 - `_next` opens it
        while True:
            line, found, rest = self._buffer.partition(b"\n")
            if found:
                self._buffer = rest
                if line.startswith(b"data:"):
                    return bytes(line[5:]).strip()
                continue
            chunk = await self._response.content.readany()
            if not chunk:
                return None
            self._size += len(chunk)
            if self._size > MESSAGE_BYTES:
                raise malformed(f"larger than {MESSAGE_BYTES} bytes")
            self._buffer += chunk

    def _end(self, *, complete: bool) -> None:
        self._ended = True
        # Not every server says goodbye; one that said why it finished has finished.
        if not complete and not self._pieces.finished:
            told = f"the stream broke off after {self._pieces.count} pieces"
            raise CallFailed("FAILED", "UNAVAILABLE", told, retryable=True)


def _content(raw: bytes) -> str:
    """The text of a whole completion; reading it properly comes later, and says what is wrong with it."""
    try:
        content = json.loads(raw)["choices"][0]["message"].get("content")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
    return content if isinstance(content, str) else ""
