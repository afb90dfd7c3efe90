"""Everything around a servicer's method, composed once at registration: ids, deadline, room, status, metrics,
span.

Plain functions around the method and not stacked interceptors: grpc.aio would resolve those anew for every
RPC.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.message import DecodeError

from services.foundation.call import REQUEST_ID, GrpcCall
from services.foundation.contract import Method, Parse, Render
from services.foundation.errors import DeadlineExceeded, InvalidArgument, TurnoutError
from services.foundation.gate import CROWD, Door, Gate, TooManyRequests
from services.foundation.logs import CURRENT_CALL
from services.foundation.metrics import Metrics
from services.foundation.sizes import too_large
from services.foundation.status import status_of, trailers_of
from services.foundation.surprises import surprise
from services.foundation.telemetry import Attribute, Telemetry

T = TypeVar("T")
Context = Any
Implementation = Callable[[Any, Any], Any]
Behaviour = Callable[[Any, Context], Awaitable[bytes | None]]


class ClientGoneError(Exception):
    """The stream broke while we wrote to it; nobody is left to tell."""


@dataclass(frozen=True)
class Rig:
    """What the chains of one server share."""

    telemetry: Telemetry
    metrics: Metrics
    gate: Gate
    method_limit: int
    method_limits: dict[str, int] = field(default_factory=dict)
    unary_seconds: float = 30.0
    stream_seconds: float = 3600.0
    message_bytes: int = 4 * 1024 * 1024


class Envelope:
    """The bookkeeping around one method: opens a call, lets it in, closes it under its status."""

    def __init__(self, method: Method, rig: Rig) -> None:
        name = method.full_name
        self.name = name
        streams = method.server_streaming or method.client_streaming
        limit = rig.method_limits.get(name, rig.method_limit)
        # Watches that wait for news are many without being work.
        self.door = Door(rig.gate, rig.metrics.rpcs[name], name, limit, crowd=math.inf if streams else CROWD)
        # A stream of replies may rightly outlive any single answer, but not for ever: clients reconnect and
        # spread.
        self._seconds = rig.stream_seconds if streams else rig.unary_seconds
        self._telemetry = rig.telemetry
        self._metrics = rig.metrics
        self._tally = rig.metrics.rpcs[name]
        self._attributes: dict[str, Attribute] = {"rpc.system.name": "grpc", "rpc.method": name}

    def open(self, context: Context) -> GrpcCall:
        """The call, with its ids, known to the log from here on."""
        call = GrpcCall(context, self.name, self._seconds, self._telemetry, self._attributes)
        CURRENT_CALL.set(call)
        return call

    def admit(self, call: GrpcCall) -> None:
        """Refuse what has no time left or finds no room."""
        if call.deadline <= call.started:
            raise DeadlineExceeded(
                f"the deadline had passed before {self.name} could begin", method=self.name
            )
        try:
            self.door.enter()
        except TooManyRequests:
            self._metrics.rpcs_shed[self.name].inc()
            raise
        call.inside = True

    def close(self, call: GrpcCall, code: str) -> None:
        """Give the room back and record what became of the call."""
        if call.inside:
            self.door.leave()
        self._tally.ended(code, perf_counter() - call.started)
        if call.span is not None:
            call.span.finish(code)

    async def turn_away(self, failure: Exception, context: Context) -> NoReturn:
        """Answer where not even a call could be made of what came: nothing is open that wants closing."""
        error = surprise(failure, self.name, self._metrics)
        self._tally.ended(error.code, 0.0)
        status = status_of(error)
        await context.abort(grpc.StatusCode[error.code], status.message, trailers_of(error, status))
        raise AssertionError("abort always raises")

    async def fail(self, failure: Exception, call: GrpcCall, context: Context) -> NoReturn:
        """Close the call and answer with the status of its failure; the text of a surprise stays in the
        log."""
        error = failure if isinstance(failure, TurnoutError) else surprise(failure, self.name, self._metrics)
        self.close(call, error.code)
        status = status_of(error, call.extra)
        named = dict([(REQUEST_ID, call.request_id), *call.trailers])
        trailers = (*named.items(), *trailers_of(error, status))
        await context.abort(grpc.StatusCode[error.code], status.message, trailers)
        raise AssertionError("abort always raises")

    def cancelled(self, call: GrpcCall) -> None:
        """Close a call whose client has left or whose time is up."""
        self.close(call, "CANCELLED" if call.remaining() > 0 else "DEADLINE_EXCEEDED")


def reply_once(envelope: Envelope, implement: Implementation, take: Parse, render: Render) -> Behaviour:
    """The chain of a method with one reply; `take` makes what the method receives of bytes or of a stream of
    them."""

    async def serve(request: Any, context: Context) -> bytes | None:
        try:
            call = envelope.open(context)
        except Exception as failure:  # noqa: BLE001 - as below
            await envelope.turn_away(failure, context)
        try:
            envelope.admit(call)
            work = implement(take(request), call)
            reply = render(await (bounded(work, call) if call.imposed else work))
        except asyncio.CancelledError as cancelled:
            await cancellation(cancelled, envelope, call, context)
        except Exception as failure:  # noqa: BLE001 - the client gets a status, the log the rest
            await envelope.fail(failure, call, context)
        envelope.close(call, "OK")
        if call.trailers:
            context.set_trailing_metadata(call.trailers)
        return reply

    return serve


def reply_many(envelope: Envelope, implement: Implementation, take: Parse, render: Render) -> Behaviour:
    """The chain of a method that replies with a stream."""

    async def pump(request: Any, call: GrpcCall, context: Context) -> None:
        async with aclosing(implement(take(request), call)) as replies:
            async for reply in replies:
                try:
                    await context.write(render(reply))
                except grpc.aio.InternalError:
                    raise ClientGoneError from None

    async def serve(request: Any, context: Context) -> None:
        try:
            call = envelope.open(context)
        except Exception as failure:  # noqa: BLE001 - as below
            await envelope.turn_away(failure, context)
        try:
            envelope.admit(call)
            work = pump(request, call, context)
            await (bounded(work, call) if call.imposed else work)
        except asyncio.CancelledError as cancelled:
            await cancellation(cancelled, envelope, call, context)
        except ClientGoneError:
            envelope.cancelled(call)
            return
        except Exception as failure:  # noqa: BLE001 - as above
            await envelope.fail(failure, call, context)
        envelope.close(call, "OK")
        if call.trailers:
            context.set_trailing_metadata(call.trailers)

    return serve


async def cancellation(
    error: asyncio.CancelledError, envelope: Envelope, call: GrpcCall, context: Context
) -> NoReturn:
    """Pass a cancellation of the RPC on; one that merely escaped from inside (a cancelled task that the
    method awaited) would leave the client without any status, so it is answered as the defect that it is."""
    task = asyncio.current_task()
    # Unless the client has left as well, which is a second cancellation, it is told why.
    if call.refused is not None and task is not None and task.uncancel() == 0:
        await envelope.fail(call.refused, call, context)
    if task is not None and task.cancelling() == 0:
        await envelope.fail(RuntimeError("a cancellation escaped from the method"), call, context)
    envelope.cancelled(call)
    raise error


async def bounded(work: Awaitable[T], call: GrpcCall) -> T:
    """Await within the deadline that we imposed; the client's own deadlines are enforced by the transport."""
    scope = asyncio.timeout(call.remaining())
    try:
        async with scope:
            return await work
    except TimeoutError:
        if not scope.expired():
            raise
        seconds = call.deadline - call.started
        said = f"{call.method} took longer than {seconds:g} s, the default deadline; set one on the call"
        raise DeadlineExceeded(said, method=call.method, default_seconds=f"{seconds:g}") from None


def one(parse: Parse, expected: str, most: float = math.inf) -> Parse:
    """A parser that blames the caller for more than `most` bytes, and for bytes that are no such message."""

    def take(raw: bytes) -> Any:
        if len(raw) > most:
            raise too_large(expected, len(raw), int(most))
        try:
            return parse(raw)
        except DecodeError:
            raise InvalidArgument(
                f"the request is not a valid {expected} message: it is cut, one of its texts is no UTF-8, or "
                "more than a hundred messages are within each other",
                expected=expected,
            ) from None

    return take


def each(parse: Parse) -> Callable[[AsyncIterator[bytes]], AsyncIterator[Any]]:
    """The same for a stream of requests."""

    async def take(stream: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for raw in stream:
            yield parse(raw)

    return take
