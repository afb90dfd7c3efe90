"""One call that brings an answer: bytes go out and come in as they are."""

import grpc

from services.foundation.tracing import TRACEPARENT
from services.foundation.wording import plain
from services.models.answer import CallFailed, FailureKind
from services.models.endpoints import Send

Infer = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


def connected(channel: grpc.aio.Channel, path: str) -> Send:
    """What sends calls of the method at `path`."""
    infer: Infer = channel.unary_unary(path)

    async def send(body: bytes, timeout: float, trace: str) -> bytes:  # noqa: ASYNC109
        try:
            raw: bytes = await infer(body, timeout=timeout, metadata=grpc.aio.Metadata((TRACEPARENT, trace)))
        except grpc.aio.AioRpcError as failure:
            raise failed(failure, timeout) from None
        except grpc.aio.UsageError:
            # The pool was closed under us: this process is ending.
            raise CallFailed("FAILED", "UNAVAILABLE", "its channel is closed") from None
        return raw

    return send


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
