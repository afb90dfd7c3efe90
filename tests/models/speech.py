"""Ways in which a chat server tells an answer piece by piece, or fails to."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web


class Speech:
    """Streams `words` as chunks of a completion. `hold` after so many of them until `go` is set; then `end`:
    "done" as is proper, "finished" without the goodbye, "broken" in the middle, "error" with one of its own.
    """

    def __init__(
        self, words: Sequence[str] = ("Good", " morning", "!"), *, end: str = "done", hold: int = -1
    ) -> None:
        self.words = words
        self.end = end
        self.hold = hold
        self.go = asyncio.Event()
        self.extra: list[dict[str, Any]] = []

    async def __call__(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        assert body["stream"]
        assert body["stream_options"] == {"include_usage": True}
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        await response.write(b": hello\n\n")
        for place, word in enumerate(self.words):
            if place == self.hold:
                await self.go.wait()
            await self._chunk(response, {"delta": {"content": word}})
        for one in self.extra:
            await self._chunk(response, one)
        await self._close(request, response)
        return response

    async def _close(self, request: web.Request, response: web.StreamResponse) -> None:
        if self.end == "broken":
            assert request.transport is not None
            request.transport.abort()
            return
        if self.end == "error":
            await response.write(b'data: {"error": {"message": "out of memory"}}\n\n')
            return
        if self.end != "silent":
            await self._chunk(response, {"delta": {}, "finish_reason": "stop"})
        if self.end == "done":
            usage = {"prompt_tokens": 2, "completion_tokens": len(self.words)}
            await response.write(
                b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\r\n\r\n"
            )
            await response.write(b"data: [DONE]\n\n")

    async def _chunk(self, response: web.StreamResponse, choice: dict[str, Any]) -> None:
        chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, **choice}]}
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
