"""grpc.health.v1 for `""` and every service. Its Watch streams end when a drain says so, or they would hold
it up."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

SERVICE = "grpc.health.v1.Health"
_Response = health_pb2.HealthCheckResponse


def add_health(server: grpc.aio.Server, servicer: "HealthServicer") -> None:
    """Serve it by the generic way alone. The generated function registers its methods besides, and for each
    of those the server's loop waits anew whenever a call of any method comes."""
    health_pb2_grpc.add_HealthServicer_to_server(servicer, _Generic(server))


class _Generic:
    """As much of a server as generated code uses, without what it registers."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """The generic handlers answer for them."""


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Health of a whole server: all its services share one state, as they share one process."""

    def __init__(self, services: Iterable[str]) -> None:
        self._statuses = dict.fromkeys(("", *services), _Response.NOT_SERVING)
        self._changed = asyncio.Event()
        self._ended = False

    def serving(self, yes: bool) -> None:
        """Tell every watcher that the server takes calls, or that it does not."""
        self._statuses = dict.fromkeys(self._statuses, _Response.SERVING if yes else _Response.NOT_SERVING)
        self._announce()

    def end_watches(self) -> None:
        """Let every Watch return, the last status sent. An open one burns the whole grace of
        `server.stop`."""
        self._ended = True
        self._announce()

    def _announce(self) -> None:
        told, self._changed = self._changed, asyncio.Event()
        told.set()

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> health_pb2.HealthCheckResponse:
        status = self._statuses.get(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service!r} here")
        return _Response(status=status)

    async def List(self, _request: Any, _context: Any) -> health_pb2.HealthListResponse:
        states = {name: _Response(status=status) for name, status in self._statuses.items()}
        return health_pb2.HealthListResponse(statuses=states)

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        last = None
        while True:
            # Taken before the status is read: a change in between must wake us, not vanish.
            changed = self._changed
            status = self._statuses.get(request.service, _Response.SERVICE_UNKNOWN)
            if status != last:
                await context.write(_Response(status=status))
                last = status
            if self._ended and changed is self._changed:
                return
            await changed.wait()
