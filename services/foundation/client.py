"""A channel to another process: methods by descriptor, retries where they are safe, errors as ours."""

import json
from collections.abc import AsyncIterator, Awaitable, Collection, Iterable, Sequence
from typing import Any, Protocol

import grpc
from google.protobuf.descriptor_pool import DescriptorPool

from services.foundation.call import REQUEST_ID, Call
from services.foundation.channel import Channel, Kind
from services.foundation.contract import Method, method_of, parser, renderer
from services.foundation.errors import RemoteDeadlineExceeded, RemoteError
from services.foundation.identity.authenticator import on_behalf
from services.foundation.identity.certificates import ClientCertificates
from services.foundation.last_word import LastWord
from services.foundation.status import DETAILS_TRAILER, remote_error, unreadable
from services.foundation.telemetry import Span, Telemetry
from services.foundation.tracing import TRACEPARENT, Parent, traceparent

Header = tuple[str, str | bytes]


class Unary(Protocol):
    """Calls a method with one reply. `timeout` is in seconds, and never more than `call` has left."""

    def __call__(
        self,
        request: Any,
        *,
        timeout: float,
        call: Call | None = None,
        parent: Parent | None = None,
        metadata: Sequence[Header] = (),
    ) -> Awaitable[Any]: ...


class Stream(Protocol):
    """Calls a method that replies with a stream. Iterate to its end, or `aclose()` it: that cancels the
    call."""

    def __call__(
        self,
        request: Any,
        *,
        timeout: float,
        call: Call | None = None,
        parent: Parent | None = None,
        metadata: Sequence[Header] = (),
    ) -> AsyncIterator[Any]: ...


RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.05s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def service_config(unretried: Collection[str] = ()) -> str:
    """All of a name's addresses in turns, and retries of UNAVAILABLE for every method except `unretried`
    (full names of methods, or of services).

    Throttled: with more than half of the token budget lost to failures, retrying stops until calls succeed
    again.
    """
    names = [dict(zip(("service", "method"), name.split("/"), strict=False)) for name in unretried]
    methods: list[dict[str, Any]] = [{"name": [{}], "retryPolicy": RETRY}]
    if names:
        methods.append({"name": names})
    return json.dumps(
        {
            # Without it all calls of a process would go to the first replica behind a name.
            "loadBalancingConfig": [{"round_robin": {}}],
            "methodConfig": methods,
            "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
        }
    )


class Client:
    """One channel to one target (`host:port` or a grpc URI). Make it in the loop that uses it; close it.

    With a `service_token` it calls as a process of the suite, for the caller of each `call`; `credentials`
    make it a TLS channel, which follows certificates in files.
    """

    def __init__(
        self,
        target: str,
        *,
        unretried: Collection[str] = (),
        message_bytes: int = 4 * 1024 * 1024,
        telemetry: Telemetry | None = None,
        pool: DescriptorPool | None = None,
        options: Iterable[tuple[str, Any]] = (),
        service_token: str = "",
        credentials: grpc.ChannelCredentials | ClientCertificates | None = None,
    ) -> None:
        self.target = target
        self._service_token = service_token
        self._pool = pool
        self._telemetry = telemetry
        self._channel = Channel(
            target,
            credentials,
            [
                ("grpc.service_config", service_config(unretried)),
                ("grpc.max_receive_message_length", message_bytes),
                # Notices a dead peer within 40 s; our servers allow a ping each 10 s (others each 5 minutes).
                ("grpc.keepalive_time_ms", 30_000),
                ("grpc.keepalive_timeout_ms", 10_000),
                # A worker that restarts is back within a second; the library's backoff would wait up to two
                # minutes.
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 2_000),
                *options,
            ],
        )

    def unary(self, service: str, method: str, *, raw: bool = False) -> Unary:
        """A method with one request and one reply; `raw` ones take and return bytes."""
        return self._once(method_of(service, method, self._pool), raw, "unary_unary")

    def upload(self, service: str, method: str, *, raw: bool = False) -> Unary:
        """A method that takes a stream: its request is an (async) iterable."""
        return self._once(method_of(service, method, self._pool), raw, "stream_unary")

    def stream(self, service: str, method: str, *, raw: bool = False) -> Stream:
        """A method that replies with a stream."""
        return self._many(method_of(service, method, self._pool), raw, "unary_stream")

    def exchange(self, service: str, method: str, *, raw: bool = False) -> Stream:
        """A method with streams both ways: its request is an (async) iterable."""
        return self._many(method_of(service, method, self._pool), raw, "stream_stream")

    async def close(self) -> None:
        """Close the channel; calls in flight are cancelled."""
        await self._channel.close()

    def _once(self, method: Method, raw: bool, kind: Kind) -> Unary:
        how = (method.path, renderer(method.request, raw), parser(method.response, raw))
        send = self._channel.method(kind, *how)

        async def invoke(
            request: Any,
            *,
            timeout: float,  # noqa: ASYNC109
            call: Call | None = None,
            parent: Parent | None = None,
            metadata: Sequence[Header] = (),
        ) -> Any:
            left, headers, span = self._prepare(method, timeout, call, parent, metadata)
            code = "CANCELLED"
            sent = send()(request, timeout=left, metadata=headers)
            peer = LastWord(sent) if kind == "stream_unary" else None
            try:
                reply = await sent
                code = "OK" if reply is not None else "INTERNAL"
            except grpc.aio.AioRpcError as failed:
                failure = await peer.instead_of(failed) if peer else failed
                code = failure.code().name
                raise self._error(failure, method) from None
            finally:
                if span is not None:
                    span.finish(code)
            if reply is None:
                raise unreadable(method.full_name)
            return reply

        return invoke

    def _many(self, method: Method, raw: bool, kind: Kind) -> Stream:
        how = (method.path, renderer(method.request, raw), parser(method.response, raw))
        send = self._channel.method(kind, *how)

        async def invoke(
            request: Any,
            *,
            timeout: float,  # noqa: ASYNC109
            call: Call | None = None,
            parent: Parent | None = None,
            metadata: Sequence[Header] = (),
        ) -> AsyncIterator[Any]:
            left, headers, span = self._prepare(method, timeout, call, parent, metadata)
            code = "CANCELLED"
            replies = send()(request, timeout=left, metadata=headers)
            peer = LastWord(replies) if kind == "stream_stream" else None
            try:
                async for reply in replies:
                    if reply is None:
                        raise unreadable(method.full_name)
                    yield reply
                code = "OK"
            except grpc.aio.AioRpcError as failed:
                failure = await peer.instead_of(failed) if peer else failed
                code = failure.code().name
                raise self._error(failure, method) from None
            finally:
                # An abandoned stream is never collected by the library.
                replies.cancel()
                if span is not None:
                    span.finish(code)

        return invoke

    def _prepare(
        self,
        method: Method,
        seconds: float,
        call: Call | None,
        parent: Parent | None,
        metadata: Sequence[Header],
    ) -> tuple[float, Sequence[Header], Span | None]:
        """The timeout, the headers with the ids that go along, and a span if this call is recorded."""
        if self._service_token:
            metadata = [*metadata, *on_behalf(self._service_token, call.caller.name if call else "")]
        origin: Parent | None = parent or call
        span: Span | None = None
        if call is not None:
            seconds = min(seconds, call.remaining())
        if seconds <= 0:
            said = f"no time left to call {method.full_name}"
            raise RemoteDeadlineExceeded(said, code="DEADLINE_EXCEEDED", reason="DEADLINE_EXCEEDED")
        if origin is None:
            return seconds, metadata, None
        if self._telemetry is not None and origin.sampled:
            attributes = {
                "rpc.system.name": "grpc",
                "rpc.method": method.full_name,
                "server.address": self.target,
            }
            origin = span = self._telemetry.span(method.full_name, origin, attributes, kind="client")
        headers = [*metadata, (TRACEPARENT, traceparent(origin))]
        if call is not None:
            headers.append((REQUEST_ID, call.request_id))
        return seconds, headers, span

    def _error(self, failure: grpc.aio.AioRpcError, method: Method) -> RemoteError:
        rich = next((value for key, value in failure.trailing_metadata() if key == DETAILS_TRAILER), None)
        message = failure.details() or f"{method.full_name} failed"
        return remote_error(
            failure.code().name,
            message,
            rich if isinstance(rich, bytes) else None,
            target=self.target,
            method=method.full_name,
        )
