"""What GetMetrics says agrees to the last prediction with what was sent and answered."""

from collections import defaultdict
from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
import pytest
from turnout.drift.v1 import drift_service_pb2
from turnout.drift.v1 import truth_pb2 as drift
from turnout.inference.v1.event_pb2 import Truth
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.inference_service_pb2 import PredictResponse

from examples.demo.rows import Supply
from services.foundation.client import Client
from tests.stories.asking import INFERENCE, ROUTERS, SECONDS, asked, deployed, predict, router
from tests.stories.suite import Suite
from tests.waiting import eventually

DRIFT = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name
NAME = "metrics-split"
ROWS = 60
# Of the cells that latencies are counted in.
WORST = 0.05


async def metrics(client: Client, *groups: Any, **how: Any) -> rpc.GetMetricsResponse:
    request = rpc.GetMetricsRequest(**{"name": NAME, "group_by": groups, **how})
    reply: rpc.GetMetricsResponse = await client.unary(ROUTERS, "GetMetrics")(request, timeout=SECONDS)
    return reply


async def told(client: Client, prediction: str, label: str) -> None:
    """The truth, through the router."""
    request = rpc.RecordFeedbackRequest(prediction_id=prediction, truth=Truth(label=label))
    reply = await client.unary(ROUTERS, "RecordFeedback")(request, timeout=SECONDS)
    assert reply.status in ("ACCEPTED", "ACCEPTED_PENDING")


def milliseconds(reply: PredictResponse) -> float:
    return reply.manifest.total_latency.ToMicroseconds() / 1000


async def test_metrics_agree_with_what_was_sent_by_variant_and_by_time(suite: Suite) -> None:
    client = suite.client("router")
    await deployed(client, router(NAME, "digits-bottom", "digits-right", weighted={}))
    supply = Supply("digits", 21)
    replies = defaultdict[str, list[PredictResponse]](list)
    right = defaultdict[str, int](int)
    truths: dict[str, str] = {}
    for number in range(ROWS):
        reply = await predict(client, NAME, supply.take())
        variant, said = reply.manifest.decision.variant, reply.output.classification.label
        replies[variant].append(reply)
        # Every third answer is told to be wrong, whoever gave it.
        truth = said if number % 3 else str((int(said) + 1) % 10)
        right[variant] += truth == said
        truths[reply.prediction_id] = truth
        if number % 2:
            await told(client, reply.prediction_id, truth)
        else:
            request = drift.AddGroundTruthRequest(prediction_id=reply.prediction_id, truth=Truth(label=truth))
            await suite.client("drift").unary(DRIFT, "AddGroundTruth")(request, timeout=SECONDS)

    async def counted() -> bool:
        total = (await metrics(client)).total
        return (total.requests, total.labels) == (ROWS, ROWS)

    await eventually(counted, within=30)
    await agrees(client, replies, right)
    await judges(client, replies, truths)
    by_time = await metrics(client, rpc.METRIC_GROUP_TIME, rpc.METRIC_GROUP_VARIANT)
    assert sum(row.requests for row in by_time.rows) == ROWS
    assert sum(row.labels for row in by_time.rows) == ROWS
    assert {row.end_time.ToSeconds() - row.start_time.ToSeconds() <= 60 for row in by_time.rows} == {True}


async def judges(
    client: Client, replies: Mapping[str, list[PredictResponse]], truths: Mapping[str, str]
) -> None:
    """The quality of each variant and of all, as numpy has it: the mean over labels, and log-loss."""
    found = await metrics(client)
    everybody = [reply for some in replies.values() for reply in some]
    for row, some in [(found.total, everybody), *((row, replies[row.variant]) for row in found.rows)]:
        said = np.array([reply.output.classification.label for reply in some])
        true = np.array([truths[reply.prediction_id] for reply in some])
        hits = [((said == one) & (true == one)).sum() for one in np.union1d(said, true)]
        given = [max((said == one).sum(), 1) for one in np.union1d(said, true)]
        real = [max((true == one).sum(), 1) for one in np.union1d(said, true)]
        assert row.precision == pytest.approx(np.divide(hits, given).mean())
        assert row.recall == pytest.approx(np.divide(hits, real).mean())
        shares = [
            max(
                (one.probability for one in reply.output.classification.probabilities if one.label == label),
                default=0,
            )
            for reply, label in zip(some, true, strict=True)
        ]
        assert row.log_loss == pytest.approx(-np.log(np.clip(shares, 2.0**-52, 1)).mean(), rel=1e-6)
        assert not row.HasField("mae")


async def agrees(
    client: Client, replies: Mapping[str, list[PredictResponse]], right: Mapping[str, int]
) -> None:
    """By variant, with the replies as they came."""
    found = await metrics(client)
    assert {row.variant: row.requests for row in found.rows} == {
        variant: len(some) for variant, some in replies.items()
    }
    for row in found.rows:
        some = replies[row.variant]
        assert (row.share, row.labels, row.rewards) == (len(some) / ROWS, len(some), len(some))
        assert (row.errors, row.error_rate, row.rescued) == (0, 0.0, 0)
        assert row.accuracy == row.reward_mean == right[row.variant] / len(some)
        took = sorted(map(milliseconds, some))
        assert row.latency_mean_ms == pytest.approx(sum(took) / len(took), abs=0.001)
        for share, value in (
            (0.5, row.latency_p50_ms),
            (0.95, row.latency_p95_ms),
            (0.99, row.latency_p99_ms),
        ):
            assert value == pytest.approx(took[ceil(share * len(took)) - 1], rel=WORST)
    assert sum(row.share for row in found.rows) == pytest.approx(1)
    assert found.total.accuracy == sum(right.values()) / ROWS


async def test_segments_are_counted_from_the_request_to_the_metrics_with_their_truth(suite: Suite) -> None:
    client = suite.client("router")
    made = router(NAME + "-segments", "digits-bottom", "digits-right", weighted={})
    made.segments.add(name="tier", expression="attributes['tier']")
    made.segments.add(name="kind", expression="input.kind")
    await deployed(client, made)
    supply = Supply("digits", 22)
    for number in range(12):
        request = asked(made.name, supply.take())
        if number < 9:
            request.attributes["tier"] = ("gold", "free", "free")[number % 3]
        reply = await client.unary(INFERENCE, "Predict")(request, timeout=SECONDS)
        said = reply.output.classification.label
        # Gold is always told to be right, the others never.
        await told(client, reply.prediction_id, said if number % 3 == 0 else str((int(said) + 1) % 10))

    async def counted() -> bool:
        total = (await metrics(client, name=made.name)).total
        return (total.requests, total.labels) == (12, 12)

    await eventually(counted, within=30)
    found = await metrics(client, rpc.METRIC_GROUP_SEGMENT, name=made.name)
    rows = {row.segment: (row.requests, row.share, row.labels, row.accuracy) for row in found.rows}
    assert rows == {
        "kind=tabular": (12, 1.0, 12, 4 / 12),
        "tier=gold": (3, 0.25, 3, 1.0),
        "tier=free": (6, 0.5, 6, 0.0),
    }
    assert found.total.requests == 12
