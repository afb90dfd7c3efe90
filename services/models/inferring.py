"""One call that brings an answer: over a link where it can, over the library's channel where it cannot."""

import asyncio

import grpc

from services.foundation.tracing import TRACEPARENT
from services.models.answer import CallFailed, FailureKind
from services.models.connections import Connections
from services.models.endpoints import Send
from services.models.http2.exchange import Exchange
from services.models.http2.link import Link
from services.models.http2.outcome import Ended, Unprocessed
from services.models.wording import plain

Infer = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


def connected(connections: Connections, channel: grpc.aio.Channel, target: str, path: str) -> Send:
    """What sends calls of the method at `path` to `target`; bytes go out and come in as they are."""
    infer: Infer = channel.unary_unary(path)
    link = connections.link(target, path)

    async def over_channel(body: bytes, timeout: float, trace: str) -> bytes:  # noqa: ASYNC109
        try:
            raw: bytes = await infer(body, timeout=timeout, metadata=((TRACEPARENT, trace),))
        except grpc.aio.AioRpcError as failure:
            raise failed(failure, timeout) from None
        except grpc.aio.UsageError:
            # The pool was closed under us: this process is ending.
            raise CallFailed("FAILED", "UNAVAILABLE", "its channel is closed") from None
        return raw

    if link is None:
        return over_channel

    async def send(body: bytes, timeout: float, trace: str) -> bytes:  # noqa: ASYNC109
        exchange = link.begin(body, timeout, trace)
        if exchange is None:
            return await over_channel(body, timeout, trace)
        try:
            return await exchange.reply
        except asyncio.CancelledError:
            exchange.cancel()
            raise
        except Ended as ended:
            raise _ended(ended, timeout, link, exchange) from None
        except Unprocessed:
            left = exchange.until - asyncio.get_running_loop().time()
            return await over_channel(body, left, trace)

    return send


def _ended(ended: Ended, seconds: float, link: Link, exchange: Exchange) -> CallFailed:
    code, message, final = ended.status
    if code == "DEADLINE_EXCEEDED":
        link.doubt(exchange)
    return _failure(code, message, final, seconds)


def failed(failure: grpc.aio.AioRpcError, seconds: float) -> CallFailed:
    """The library's failure of a call that had so many seconds."""
    # A negative pushback is a server's way to say: not again.
    trailers = dict(failure.trailing_metadata() or ())
    final = str(trailers.get("grpc-retry-pushback-ms", "")).startswith("-")
    return _failure(failure.code().name, failure.details() or "", final, seconds)


def _failure(code: str, message: str, final: bool, seconds: float) -> CallFailed:
    message = message or code
    if code == "DEADLINE_EXCEEDED":
        # The library's own words when our timeout passed; a server that gave up by itself says its own.
        ours = "Deadline Exceeded" in message
        return CallFailed("TIMED_OUT", code, f"no answer within {seconds:.3g} s" if ours else message)
    kind: FailureKind = "CANCELLED" if code == "CANCELLED" else "FAILED"
    said = plain(message)
    retryable = code == "UNAVAILABLE" and not final
    return CallFailed(kind, code, said, retryable=retryable, raw="" if said == message else message)
