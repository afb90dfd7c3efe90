"""A real OpenAI-compatible chat server that answers by rule, and misbehaves when it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Behaviour = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


class ChatServer:
    """Answers each conversation with its last message in capitals; a token is a word. `behave` replaces
    that."""

    def __init__(self) -> None:
        self.url = ""
        self.behave: Behaviour = self.shout
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
        content = body["messages"][-1]["content"].upper()
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": content},
            "finish_reason": "stop",
        }
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [{"token": word, "logprob": -0.5} for word in content.split()]}
        words = sum(len(message["content"].split()) for message in body["messages"])
        usage = {"prompt_tokens": words, "completion_tokens": len(content.split())}
        return web.json_response({"object": "chat.completion", "choices": [choice], "usage": usage})

    async def hang(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        await self._free.wait()
        return await self.shout(request, body)

    def answering(self, reply: object, status: int = 200) -> None:
        """Answer everything with this JSON."""

        async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            return web.json_response(reply, status=status)

        self.behave = answer

    async def _chat(self, request: web.Request) -> web.StreamResponse:
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

    async def _models(self, request: web.Request) -> web.Response:  # noqa: ARG002
        return web.json_response({"object": "list", "data": []})


@asynccontextmanager
async def chat_server(*, lists_models: bool = True) -> AsyncIterator[ChatServer]:
    """Serve on a free port of loopback."""
    server = ChatServer()
    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", server._chat)])
    if lists_models:
        app.add_routes([web.get("/v1/models", server._models)])
    # Cancelled with their connection, so that tests see who gave up.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
