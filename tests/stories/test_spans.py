"""Every sub-request is a span under the id that the manifest gives for it."""

import random
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.proto.trace.v1 import trace_pb2
from turnout.router.v1 import strategy_pb2

from examples.demo.rows import Supply
from services.foundation.tracing import RemoteParent
from tests.foundation.test_telemetry import Collector
from tests.stories.asking import deployed, predict, router
from tests.stories.suite import Suite
from tests.waiting import eventually

SERVER = trace_pb2.Span.SPAN_KIND_SERVER
PREDICT = "turnout.router.v1.InferenceService/Predict"
INFER = "turnout.aggregator.v1.AggregatorService/Infer"
AVERAGE = strategy_pb2.EnsembleStrategy(aggregation=strategy_pb2.AGGREGATION_METHOD_AVERAGE)
ROUTERS = {
    "spans-jury": router("spans-jury", "digits-right", "digits-top", "digits-bottom", ensemble=AVERAGE),
    "spans-one": router("spans-one", "cancer-bayes", "cancer-stump"),
}


def recorded(collector: Collector, trace: str) -> dict[str, Any]:
    """The spans of a trace by their id."""
    spans = (
        span
        for export in collector.exports
        for resource in export.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    )
    return {span.span_id.hex(): span for span in spans if span.trace_id.hex() == trace}


@pytest.mark.parametrize(("name", "dataset"), [("spans-jury", "digits"), ("spans-one", "breast-cancer")])
async def test_the_span_ids_of_a_manifest_are_those_of_its_trace(
    suite: Suite, spans: tuple[Collector, str], name: str, dataset: str
) -> None:
    client = suite.client("router")
    await deployed(client, ROUTERS[name])
    trace = f"{random.Random(name).getrandbits(128):032x}"
    caller = RemoteParent(trace, "b" * 16, sampled=True)
    reply = await predict(client, name, Supply(dataset, 3).take(), parent=caller)
    assert reply.manifest.trace_id == trace
    wanted = {one.span_id: one.model for one in reply.manifest.participants}
    assert len(wanted) == len(reply.manifest.participants)
    await eventually(lambda: descends(recorded(spans[0], trace), wanted, caller.span_id), within=30)


async def test_one_trace_has_router_aggregator_and_members_and_names_the_prediction(
    suite: Suite, spans: tuple[Collector, str]
) -> None:
    client = suite.client("router")
    wanted = router("spans-trace", "digits-right", "digits-top", "digits-bottom", ensemble=AVERAGE)
    await deployed(client, wanted)
    trace = f"{random.Random('trace').getrandbits(128):032x}"
    reply = await predict(
        client, wanted.name, Supply("digits", 4).take(), parent=RemoteParent(trace, "b" * 16, sampled=True)
    )

    def whole() -> bool:
        known = recorded(spans[0], trace)
        names = {span.name: span for span in known.values() if span.kind == SERVER}
        assert set(names) >= {PREDICT, INFER}, sorted(names)
        told = {one.key: one.value.string_value for one in names[PREDICT].attributes}
        assert told["turnout.prediction_id"] == reply.prediction_id == reply.manifest.prediction_id
        members = {known[one.span_id].parent_span_id for one in reply.manifest.participants}
        # Each member was called from within the aggregator's call.
        return members == {names[INFER].span_id}

    await eventually(whole, within=30)


def descends(known: Mapping[str, Any], wanted: Mapping[str, str], root: str) -> bool:
    """Whether every wanted span (model by id) is there, speaks of its model, and leads up to the root."""
    for span_id, model in wanted.items():
        assert model in known[span_id].name if span_id in known else False, f"{span_id} of {model} is missing"
        at = span_id
        while at != root:
            assert at in known, f"the parent {at} of a call of {model} is missing"
            at = known[at].parent_span_id.hex()
    return True
