"""What a servicer sees of the transport: one small protocol, and its form on grpc.aio."""

import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from services.foundation.identity.caller import Caller
from services.foundation.telemetry import Attribute, Telemetry
from services.foundation.tracing import TRACEPARENT

REQUEST_ID = "x-request-id"

# The headers of the RPC whose task this is. grpc.aio has parsed them when it looks the method up; asking the
# context would parse them a second time.
HEADERS: ContextVar[Sequence[tuple[str, str | bytes]]] = ContextVar("turnout_headers", default=())

# What a caller's own id may look like: it is echoed in trailers and written into logs.
_SOUND_ID = re.compile(r"[\x21-\x7e]{1,128}")


Trailers = tuple[tuple[str, str | bytes], ...]


class Call(Protocol):
    """One RPC as its servicer sees it. Ids are hex: 32 digits for the trace, 16 for the span."""

    @property
    def request_id(self) -> str: ...
    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...
    @property
    def sampled(self) -> bool: ...
    @property
    def caller(self) -> Caller: ...
    @property
    def imposed(self) -> bool:
        """Whether the deadline is a default, because the client set none."""

    def remaining(self) -> float:
        """Seconds until the deadline, at least 0 and always finite: a default is imposed where the client set
        none."""

    def header(self, name: str) -> str | None:
        """The first value of a header (lower case), None when absent."""

    def trailer(self, name: str, value: str) -> None:
        """Send `name: value` after the reply."""

    def details(self, message: Message) -> None:
        """Add a detail to the status if this call fails."""

    def note(self, key: str, value: str) -> None:
        """Set an attribute of the call's span, where it is recorded and is of this call alone."""


class GrpcCall:
    """`Call` on a grpc.aio context.

    The x-request-id goes back as trailing metadata: sent initially, it would cost a system call of its own,
    as grpc.aio only merges empty initial metadata with the reply. A trailer too has its price (some 10 µs for
    both sides), so an answered call echoes the id only to a client that sent one; a failed call always names
    its id.
    """

    __slots__ = (
        "_caller",
        "_headers",
        "_named",
        "_peer",
        "deadline",
        "extra",
        "imposed",
        "inside",
        "method",
        "refused",
        "request_id",
        "sampled",
        "span",
        "span_id",
        "started",
        "trace_id",
        "trailers",
    )

    def __init__(
        self,
        context: "grpc.aio.ServicerContext[Any, Any]",
        method: str,
        default_seconds: float,
        telemetry: Telemetry,
        attributes: Mapping[str, Attribute],
    ) -> None:
        self.started = now = perf_counter()
        self.method = method
        left: float | None = context.time_remaining()
        self.imposed = left is None
        self.deadline = now + (default_seconds if left is None else left)
        self.inside = False
        # Why the call is being cancelled, where it is we who do it.
        self.refused: Exception | None = None
        self.extra: tuple[Message, ...] = ()
        # Read now: asked of a call that has ended (by a task that outlives it), grpc.aio crashes the process.
        self._peer: str = context.peer()
        self._headers = HEADERS.get()
        self._named: dict[str, str] | None = None
        traced = ""
        self.request_id = ""
        self.trailers: Trailers = ()
        for header in self._headers:
            name = header[0]
            if name == TRACEPARENT:
                traced = str(header[1])
            elif name == REQUEST_ID and _SOUND_ID.fullmatch(str(header[1])):
                self.request_id = str(header[1])
                self.trailers = ((REQUEST_ID, self.request_id),)
        self.span, self.trace_id, self.span_id, self.sampled = telemetry.arrive(method, traced, attributes)
        # A call without an id of its own is known by its trace.
        self.request_id = self.request_id or self.trace_id

    @property
    def caller(self) -> Caller:
        # Without a guard in front of the method, nobody asked and everything is allowed.
        known: Caller | None = getattr(self, "_caller", None)
        return known or Caller("", self._peer, admin=True)

    @caller.setter
    def caller(self, known: Caller) -> None:
        self._caller = known

    def remaining(self) -> float:
        return max(0.0, self.deadline - perf_counter())

    def header(self, name: str) -> str | None:
        named = self._named
        if named is None:
            # Who asks for one asks for several; backwards, so that the first of a name stays.
            named = self._named = {header[0]: str(header[1]) for header in reversed(self._headers)}
        return named.get(name)

    def trailer(self, name: str, value: str) -> None:
        self.trailers = (*self.trailers, (name, value))

    def details(self, message: Message) -> None:
        self.extra = (*self.extra, message)

    def note(self, key: str, value: str) -> None:
        if self.span is not None:
            self.span.set(key, value)
