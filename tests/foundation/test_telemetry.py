"""Spans reach a real collector over OTLP, under the ids that the call had."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.telemetry import Telemetry
from services.foundation.tracing import RemoteParent
from tests.foundation.conftest import Start
from tests.foundation.echo import SERVICE, Echo, Words

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Collector:
    """An OTLP collector that keeps what it is sent."""

    def __init__(self) -> None:
        self.exports: list[otlp.ExportTraceServiceRequest] = []
        self._server = grpc.aio.server()

    async def start(self) -> str:
        async def export(request: bytes, _context: Any) -> bytes:
            self.exports.append(otlp.ExportTraceServiceRequest.FromString(request))
            return b""

        handler: Any = grpc.unary_unary_rpc_method_handler(export)
        service = METHOD.split("/")[1]
        generic = grpc.method_handlers_generic_handler(service, {"Export": handler})
        self._server.add_generic_rpc_handlers((generic,))
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        await self._server.stop(None)

    def spans(self) -> dict[str, Any]:
        """What arrived, by kind and name."""
        return {
            f"{span.SpanKind.Name(span.kind)} {span.name}": span
            for export in self.exports
            for resource in export.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    yield collector
    await collector.stop()


async def recording(collector: Collector, ratio: float = 1.0) -> Telemetry:
    return Telemetry("echo", endpoint=await collector.start(), ratio=ratio, rng=random.Random(7))


def attributes(span: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in span.attributes}


async def test_spans_of_both_sides_arrive_with_the_ids_of_the_call(
    start: Start, connect: Callable[..., Client], echo: Echo, collector: Collector
) -> None:
    telemetry = await recording(collector)
    server = await start(telemetry)
    client = connect(server, telemetry=telemetry)
    root = telemetry.span("root")
    await client.unary(SERVICE, "Say")(Words(), timeout=5, parent=root)
    root.end()
    await asyncio.to_thread(telemetry.close)
    spans = collector.spans()
    ours = spans[f"SPAN_KIND_CLIENT {SERVICE}/Say"]
    theirs = spans[f"SPAN_KIND_SERVER {SERVICE}/Say"]
    assert spans["SPAN_KIND_INTERNAL root"].span_id.hex() == root.span_id
    assert ours.parent_span_id.hex() == root.span_id
    assert theirs.parent_span_id == ours.span_id
    assert theirs.span_id.hex() == echo.calls[0].span_id
    assert theirs.trace_id.hex() == echo.calls[0].trace_id == root.trace_id
    assert attributes(theirs) == {
        "rpc.system.name": "grpc",
        "rpc.method": f"{SERVICE}/Say",
        "rpc.response.status_code": "OK",
    }
    assert attributes(ours)["server.address"] == server.address


async def test_a_failed_call_is_a_failed_span(
    start: Start, connect: Callable[..., Client], collector: Collector
) -> None:
    telemetry = await recording(collector)
    client = connect(await start(telemetry))
    with pytest.raises(RemoteError):
        await client.unary(SERVICE, "Fail")(Words(), timeout=5)
    await asyncio.to_thread(telemetry.close)
    span = collector.spans()[f"SPAN_KIND_SERVER {SERVICE}/Fail"]
    assert attributes(span)["rpc.response.status_code"] == "NOT_FOUND"
    assert span.status.code == span.status.STATUS_CODE_ERROR


async def test_an_unsampled_parent_is_respected_and_ids_exist_all_the_same(
    start: Start, connect: Callable[..., Client], echo: Echo, collector: Collector
) -> None:
    telemetry = await recording(collector)
    client = connect(await start(telemetry))
    parent = RemoteParent("a" * 32, "b" * 16, sampled=False)
    await client.unary(SERVICE, "Say")(Words(), timeout=5, parent=parent)
    await asyncio.to_thread(telemetry.close)
    assert echo.calls[0].trace_id == "a" * 32
    assert len(echo.calls[0].span_id) == 16
    assert collector.exports == []


async def test_a_link_points_to_another_trace(collector: Collector) -> None:
    telemetry = await recording(collector)
    prediction = RemoteParent("a" * 32, "b" * 16, sampled=True)
    telemetry.span("feedback", links=[prediction]).end()
    await asyncio.to_thread(telemetry.close)
    span = collector.spans()["SPAN_KIND_INTERNAL feedback"]
    assert span.links[0].span_id.hex() == prediction.span_id
    assert span.trace_id.hex() != prediction.trace_id


async def test_the_ratio_decides_for_roots(collector: Collector) -> None:
    telemetry = await recording(collector, ratio=0.25)
    sampled = sum(telemetry.span("root").sampled for _ in range(2000))
    await asyncio.to_thread(telemetry.close)
    # Six standard deviations of a binomial with n = 2000, p = 1/4.
    assert abs(sampled - 500) < 6 * (2000 * 0.25 * 0.75) ** 0.5


def test_without_an_endpoint_nothing_is_sampled() -> None:
    span = Telemetry(rng=random.Random(7)).span("root")
    assert not span.sampled
    assert (len(span.trace_id), len(span.span_id)) == (32, 16)
