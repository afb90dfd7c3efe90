"""The door by which a model server is told to misbehave: HTTP on loopback, apart from the model's protocol.

`curl -d '{"mode": "degrade", "probability": 0.4}' $CONTROL` changes the mode; a GET tells it, with counts.
"""

import json

from aiohttp import web

from examples.fleet.server import ModelServer


class Control:
    """Serves one model server's faults."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        app = web.Application()
        app.add_routes([web.get("/", self._tell), web.post("/", self._change)])
        self._runner = web.AppRunner(app, access_log=None)
        self.url = ""

    async def start(self) -> None:
        """Bind to a free port of loopback; `url` then says where."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close the door."""
        await self._runner.cleanup()

    async def _tell(self, request: web.Request) -> web.Response:  # noqa: ARG002
        return self._state()

    async def _change(self, request: web.Request) -> web.Response:
        try:
            # A wrong key or value is told to the caller, as set() spells it.
            self._server.faults.set(**json.loads(await request.text()))
        except (ValueError, TypeError) as wrong:
            return web.json_response({"error": str(wrong)}, status=400)
        return self._state()

    def _state(self) -> web.Response:
        server = self._server
        return web.json_response(
            {
                "model": server.model.name,
                "mode": server.faults.mode,
                "calls": server.calls,
                "cancelled": server.cancelled,
                "in_flight": server.in_flight,
            }
        )
