"""One call that brings an answer: bytes go out and come in as they are.

For each call the library's channel makes a task, a future and entries in two weak sets, of all of which
nothing is needed here, and which take a tenth of an ensemble's CPU (docs/decisions/0009). So calls are made
where its own `UnaryUnaryCall` makes them, one layer below. That layer promises nothing to anybody: it is used
with the series of the library that these calls were tested with, and any other is used as it is documented.
"""

import asyncio
from time import time
from typing import Any

import grpc

from services.foundation.tracing import TRACEPARENT
from services.foundation.wording import plain
from services.models.answer import CallFailed, FailureKind, malformed
from services.models.endpoints import Send

Infer = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]

TESTED = ("1.85.",)
_CODES = {int(code.value[0]): code for code in grpc.StatusCode}


def connected(channel: grpc.aio.Channel, path: str) -> Send:
    """What sends calls of the method at `path`."""
    return _below(channel, path.encode()) if grpc.__version__.startswith(TESTED) else _above(channel, path)


def _below(channel: grpc.aio.Channel, path: bytes) -> Send:
    async def send(body: bytes, timeout: float, trace: str) -> bytes:  # noqa: ASYNC109
        try:
            # By way of the channel, which must live as long as whoever sends.
            call: Any = channel._channel.call(path, time() + timeout, None, None)  # type: ignore[attr-defined]  # noqa: SLF001
        except grpc.aio.UsageError:
            raise _closed() from None
        try:
            raw: bytes | None = await call.unary_unary(body, ((TRACEPARENT, trace),))
        except asyncio.CancelledError:
            call.cancel("no longer needed")
            raise
        if raw is None:
            status = await call.status()
            raise malformed("no message") if status.code() == 0 else failed(_error(status), timeout)
        return raw

    return send


def _above(channel: grpc.aio.Channel, path: str) -> Send:
    infer: Infer = channel.unary_unary(path)

    async def send(body: bytes, timeout: float, trace: str) -> bytes:  # noqa: ASYNC109
        try:
            raw: bytes = await infer(body, timeout=timeout, metadata=grpc.aio.Metadata((TRACEPARENT, trace)))
        except grpc.aio.AioRpcError as failure:
            raise failed(failure, timeout) from None
        except grpc.aio.UsageError:
            raise _closed() from None
        return raw

    return send


def _closed() -> CallFailed:
    """The pool was closed under us: this process is ending."""
    return CallFailed("FAILED", "UNAVAILABLE", "its channel is closed")


def _error(status: Any) -> grpc.aio.AioRpcError:
    """What the library would raise for the status of a call that it has made."""
    trailers = grpc.aio.Metadata(*(status.trailing_metadata() or ()))
    return grpc.aio.AioRpcError(
        _CODES[status.code()], grpc.aio.Metadata(), trailers, status.details(), status.debug_error_string()
    )


def failed(failure: grpc.aio.AioRpcError, seconds: float) -> CallFailed:
    """The library's failure of a call that had so many seconds."""
    code = failure.code().name
    message = failure.details() or code
    if code == "DEADLINE_EXCEEDED":
        # The library's own words when our timeout passed; a server that gave up by itself says its own.
        ours = "Deadline Exceeded" in message
        return CallFailed("TIMED_OUT", code, f"no answer within {seconds:.3g} s" if ours else message)
    kind: FailureKind = "CANCELLED" if code == "CANCELLED" else "FAILED"
    # A negative pushback is a server's way to say: not again.
    trailers = dict(failure.trailing_metadata() or ())
    told_not_to = str(trailers.get("grpc-retry-pushback-ms", "")).startswith("-")
    said = plain(message)
    retryable = code == "UNAVAILABLE" and not told_not_to
    return CallFailed(kind, code, said, retryable=retryable, raw="" if said == message else message)
