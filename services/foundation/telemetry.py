"""Spans. Ids always exist, at the price of two random numbers; the OpenTelemetry SDK only sees what is
sampled."""

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from opentelemetry import trace
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from services.foundation.tracing import Parent, parse_traceparent, traceparent

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attribute = str | bool | int | float
# Formatted by % in two thirds of the time that an f-string takes for a number.
_TRACE_ID, _SPAN_ID = "%032x", "%016x"
_KINDS = {kind.name.lower(): kind for kind in SpanKind}


class Span:
    """One step of a trace. `trace_id` and `span_id` are hex; end it exactly once."""

    __slots__ = ("_recorded", "sampled", "span_id", "trace_id")

    def __init__(
        self, trace_id: str, span_id: str, sampled: bool, recorded: trace.Span | None = None
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled
        self._recorded = recorded

    def set(self, key: str, value: Attribute) -> None:
        """Add an attribute; free when the span is not recorded."""
        if self._recorded is not None:
            self._recorded.set_attribute(key, value)

    def finish(self, code: str) -> None:
        """Close the span of an RPC under its canonical status name."""
        if self._recorded is not None:
            self._recorded.set_attribute("rpc.response.status_code", code)
            self.end(None if code == "OK" else code)

    def end(self, error: str | BaseException | None = None) -> None:
        """Close the span, as failed when an error is given."""
        if self._recorded is None:
            return
        if error is not None:
            self._recorded.set_status(Status(StatusCode.ERROR, str(error)))
        self._recorded.end()


class Telemetry:
    """Makes spans; exports the sampled ones by OTLP when there is an endpoint, and costs no SDK call
    otherwise.

    The head decision is parent-based with a ratio for roots. It is made here because an unsampled span of the
    SDK costs ten times as much as the ids do.
    """

    def __init__(
        self, service: str = "turnout", *, endpoint: str | None = None, ratio: float = 1.0, rng: random.Random
    ) -> None:
        self._rng = rng
        self._ratio = ratio if endpoint else 0.0
        self._provider = _provider(service, endpoint) if endpoint else None
        self._tracer = self._provider.get_tracer("turnout") if self._provider else None

    def arrive(
        self, name: str, header: str, attributes: Mapping[str, Attribute]
    ) -> tuple[Span | None, str, str, bool]:
        """The server's span of a call with this `traceparent` (or ""), if it is recorded, and in any case its
        trace id, its span id and whether it is sampled. Plain values: on the way of every call, an object
        less."""
        parent = parse_traceparent(header) if header else None
        if self._tracer is not None:
            span = self.span(name, parent, attributes, kind="server")
            return span, span.trace_id, span.span_id, span.sampled
        draw = self._rng.getrandbits
        if parent is None:
            return None, _TRACE_ID % (draw(128) or 1), _SPAN_ID % (draw(64) or 1), False
        return None, parent[0], _SPAN_ID % (draw(64) or 1), parent[2]

    def depart(
        self, name: str, parent: Parent | None, attributes: Mapping[str, Attribute]
    ) -> tuple[Span | None, str, str]:
        """A span for a call that leaves, if it is recorded, and in any case its span id and the `traceparent`
        that goes along."""
        if self._tracer is None and parent is not None:
            span_id = _SPAN_ID % (self._rng.getrandbits(64) or 1)
            return None, span_id, f"00-{parent.trace_id}-{span_id}-{'01' if parent.sampled else '00'}"
        span = self.span(name, parent, attributes, kind="client")
        return span, span.span_id, traceparent(span)

    def span(
        self,
        name: str,
        parent: Parent | None = None,
        attributes: Mapping[str, Attribute] | None = None,
        *,
        kind: Kind = "internal",
        links: Sequence[Parent] = (),
    ) -> Span:
        """Start a span under `parent` (a call, a span, remote ids), or a new trace. `links` point to other
        traces."""
        draw = self._rng
        sampled = parent.sampled if parent is not None else draw.random() < self._ratio
        if sampled and self._tracer is not None:
            return self._record(self._tracer, name, parent, attributes, kind, links)
        trace_id = parent.trace_id if parent is not None else f"{draw.getrandbits(128) or 1:032x}"
        return Span(trace_id, f"{draw.getrandbits(64) or 1:016x}", sampled)

    def _record(
        self,
        tracer: trace.Tracer,
        name: str,
        parent: Parent | None,
        attributes: Mapping[str, Attribute] | None,
        kind: Kind,
        links: Sequence[Parent],
    ) -> Span:
        context = trace.set_span_in_context(trace.NonRecordingSpan(_context(parent) if parent else _NOWHERE))
        linked = [trace.Link(_context(link)) for link in links]
        span = tracer.start_span(name, context, _KINDS[kind], attributes, linked)
        ids = span.get_span_context()
        return Span(f"{ids.trace_id:032x}", f"{ids.span_id:016x}", True, span)

    def close(self) -> None:
        """Flush what is queued and stop. Blocks on the network: call it from a thread."""
        if self._provider is not None:
            self._provider.shutdown()


_NOWHERE = trace.INVALID_SPAN_CONTEXT


def _context(of: Parent) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if of.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(of.trace_id, 16), int(of.span_id, 16), is_remote=True, trace_flags=flags)


def _provider(service: str, endpoint: str) -> "TracerProvider":
    # The SDK and its exporter are a tenth of a process' imports, and few processes have an endpoint.
    from services.foundation.exporting import provider  # noqa: PLC0415

    return provider(service, endpoint)
