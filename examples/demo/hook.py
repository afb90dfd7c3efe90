"""A webhook of the demo's own, on this machine: it hears what alerts tell."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from services.drift.alerts.signing import HEADER, verify


class Hook:
    """Where it is, and what it heard. `now` is in seconds since 1970."""

    def __init__(self, secret: str, now: Callable[[], float]) -> None:
        self.url = ""
        self.heard: list[str] = []
        self.signed = True
        self._secret = secret.encode()
        self._now = now

    async def take(self, request: web.Request) -> web.Response:
        """One notification."""
        body = await request.read()
        self.signed &= verify(self._secret, body, request.headers.get(HEADER, ""), self._now())
        self.heard.append(request.headers.get("Turnout-Event", ""))
        return web.Response()


@asynccontextmanager
async def listening(secret: str, now: Callable[[], float]) -> AsyncIterator[Hook]:
    """On a free port of loopback, until the block ends."""
    hook, app = Hook(secret, now), web.Application()
    app.router.add_post("/", hook.take)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield hook
    finally:
        await runner.cleanup()
