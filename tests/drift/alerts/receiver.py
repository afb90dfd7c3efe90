"""A real HTTP server that takes notifications, and misbehaves when it is told to."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Note(NamedTuple):
    """One request: its headers, and its body as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> dict[str, Any]:
        """The body as JSON."""
        told: dict[str, Any] = json.loads(self.body)
        return told


class Receiver:
    """Keeps what it is sent. `script`: answers to give in turn, after which everything is taken."""

    def __init__(self) -> None:
        self.url = ""
        self.notes: list[Note] = []
        self.script: list[Answer] = []
        self.free = asyncio.Event()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        self.notes.append(Note(dict(request.headers), await request.read()))
        if self.script:
            return await self.script.pop(0)(request)
        return web.Response(text="ok")

    def events(self) -> list[str]:
        """What each told."""
        return [note.headers["Turnout-Event"] for note in self.notes]


def status(code: int, text: str = "", headers: dict[str, str] | None = None) -> Answer:
    """Answers with a status."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=text, headers=headers)

    return answer


async def reset(request: web.Request) -> web.StreamResponse:
    """Cuts the connection."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def hanging(receiver: Receiver) -> Answer:
    """Answers only once it is freed."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        await receiver.free.wait()
        return web.Response()

    return answer


async def huge(request: web.Request) -> web.StreamResponse:
    """Takes it, and then talks without an end, as long as anybody listens."""
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b"x" * 65_536)
    except ConnectionError:
        return response


@asynccontextmanager
async def receiving(answers: Sequence[Answer] = ()) -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()
    receiver.script = list(answers)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        receiver.free.set()
        await runner.cleanup()
