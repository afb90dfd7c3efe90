"""A real OpenAI-compatible server that answers by rule, and misbehaves when it is told to. The official
client talks to it too, in tests/clients, so that it cannot drift from the protocol."""

import asyncio
import base64
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Behaviour = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]
WIDTH = 16
MADE = 1_700_000_000


class ChatServer:
    """Answers each conversation with its last message in capitals; a token is a word. Embeds each text as the
    counts of its words by their checksums. `behave` replaces both."""

    def __init__(self) -> None:
        self.url = ""
        self.behave: Behaviour = self.usual
        self.bodies: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.cancelled = 0
        self.in_flight = 0
        self._free = asyncio.Event()

    async def shout(
        self,
        request: web.Request,  # noqa: ARG002
        body: dict[str, Any],
    ) -> web.StreamResponse:
        """The last message in capitals."""
        content = body["messages"][-1]["content"].upper()
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": content},
            "finish_reason": "stop",
        }
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [{"token": word, "logprob": -0.5} for word in content.split()]}
        words = sum(len((message["content"] or "").split()) for message in body["messages"])
        return web.json_response(completion(body, choice, words, len(content.split())))

    async def embed(
        self,
        request: web.Request,  # noqa: ARG002
        body: dict[str, Any],
    ) -> web.StreamResponse:
        """A vector per text, in the encoding that is asked for."""
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        written = as_base64 if body.get("encoding_format") == "base64" else list
        return web.json_response(embeddings(body, [written(vector_of(text)) for text in texts], texts))

    async def hang(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        """Answer only once `release` is called."""
        await self._free.wait()
        return await self.usual(request, body)

    def release(self) -> None:
        """Let those that hang answer: they were only slow."""
        self._free.set()

    def answering(self, reply: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Answer everything with this JSON."""

        async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            return web.json_response(reply, status=status, headers=headers)

        self.behave = answer

    async def usual(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        """What it does where it is not told otherwise."""
        method = self.embed if request.path.endswith("/embeddings") else self.shout
        return await method(request, body)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.headers = dict(request.headers)
        self.in_flight += 1
        try:
            return await self.behave(request, body)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.in_flight -= 1

    async def models(self, request: web.Request) -> web.Response:  # noqa: ARG002
        return web.json_response({"object": "list", "data": []})


def completion(body: Mapping[str, Any], choice: Mapping[str, Any], read: int, written: int) -> dict[str, Any]:
    """The JSON of a chat completion."""
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": MADE,
        "model": body["model"],
        "choices": [choice],
        "usage": usage,
    }


def embeddings(body: Mapping[str, Any], vectors: list[Any], texts: list[str]) -> dict[str, Any]:
    """The JSON of a list of embeddings."""
    data = [
        {"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)
    ]
    words = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": words, "total_tokens": words}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


def vector_of(text: str) -> list[float]:
    """How often it has words of each checksum, and one more for its length."""
    counts = [0.0] * WIDTH
    for word in text.lower().split():
        counts[zlib.crc32(word.encode()) % (WIDTH - 1)] += 1.0
    counts[-1] = len(text) / 8
    return counts


def as_base64(vector: list[float]) -> str:
    """As little-endian FP32."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


@asynccontextmanager
async def chat_server(*, lists_models: bool = True) -> AsyncIterator[ChatServer]:
    """Serve on a free port of loopback."""
    server = ChatServer()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes([web.post("/v1/chat/completions", server.answer)])
    app.add_routes([web.post("/v1/embeddings", server.answer)])
    if lists_models:
        app.add_routes([web.get("/v1/models", server.models)])
    # Cancelled with their connection, so that tests see who gave up.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
