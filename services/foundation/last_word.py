"""What a peer said of a call that it ended before it had read everything.

A message that is on its way then cannot be sent any more, and grpc.aio puts INTERNAL, "Internal error from
Core", in the place of the peer's status: a moment before that arrives, or after.
"""

import asyncio
from typing import Any

import grpc

CORES = "Internal error from Core"
# Both come of the same end of the stream; a peer whose status is lost is none to wait for.
SECONDS = 1.0


class LastWord:
    """Listens to a call that sends a stream, from its beginning."""

    def __init__(self, call: Any) -> None:
        self._said: asyncio.Future[grpc.aio.AioRpcError] = asyncio.get_running_loop().create_future()
        # Called at each status that is set, also where one takes the place of another.
        call.add_done_callback(self._heard)

    async def instead_of(self, failure: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        """The peer's own failure, if `failure` only says that it could not be told something more."""
        if not _cores(failure):
            return failure
        await asyncio.wait([self._said], timeout=SECONDS)
        return self._said.result() if self._said.done() else failure

    def _heard(self, call: Any) -> None:
        if self._said.done() or call.cancelled():
            return
        code, details, trailers = (_now(one()) for one in (call.code, call.details, call.trailing_metadata))
        failure = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers, details)
        if code is not grpc.StatusCode.OK and not _cores(failure):
            self._said.set_result(failure)


def _cores(failure: grpc.aio.AioRpcError) -> bool:
    return failure.code() is grpc.StatusCode.INTERNAL and failure.details() == CORES


def _now(asked: Any) -> Any:
    """What a coroutine returns that has nothing to wait for."""
    try:
        asked.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("the status of a call that has ended was not there")
