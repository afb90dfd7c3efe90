"""What GetPerformanceHistory refuses, and what it says when there is nothing to tell."""

import time
from typing import Any

import pytest
from turnout.drift.v1 import alert_rpc_pb2, concept_pb2
from turnout.drift.v1 import performance_pb2 as rpc

from services.foundation.errors import RemoteError
from tests.drift.conftest import Ask
from tests.drift.performance.conftest import Suite

NOW = int(time.time())
DAY = 86_400


@pytest.mark.parametrize(
    ("field", "how"),
    [
        (
            "start_time must lie before end_time (2",
            {"start_time": {"seconds": NOW}, "end_time": {"seconds": NOW - 5}},
        ),
        ("start_time", {"start_time": {"seconds": NOW + 9 * DAY}, "end_time": {"seconds": NOW + 10 * DAY}}),
        ("start_time", {"start_time": {"seconds": 2**62}}),
        ("end_time", {"end_time": {"seconds": NOW - 91 * DAY}}),
        ("end_time", {"end_time": {"seconds": -5}}),
        ("step", {"step": 9}),
        ("group_by is one or more of PERFORMANCE_GROUP_ROUTER", {"group_by": [0]}),
        ("group_by", {"group_by": [1, 77]}),
        ("confidence", {"confidence": 1.0}),
        ("confidence", {"confidence": float("nan")}),
        ("segment.name", {"segment": {"value": "gold"}}),
        ("segment.value has 1 to 256", {"segment": {"name": "tier"}}),
        ("page_size", {"page_size": -1}),
        ("page_token", {"page_token": "nonsense"}),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_by_name(
    suite: Suite, field: str, how: dict[str, Any]
) -> None:
    await suite.model("asked")
    with pytest.raises(RemoteError) as refused:
        await suite.history("asked", **how)
    assert refused.value.code == "INVALID_ARGUMENT"
    assert field in refused.value.message


async def test_a_model_that_nobody_knows_is_not_found(suite: Suite) -> None:
    with pytest.raises(RemoteError) as refused:
        await suite.history("nobody")
    assert refused.value.code == "NOT_FOUND"
    with pytest.raises(RemoteError) as refused:
        await suite.history("Not A Name")
    assert refused.value.code == "INVALID_ARGUMENT"


async def test_a_model_without_predictions_has_no_points_and_is_not_ok(suite: Suite) -> None:
    await suite.model("fresh")
    for step in (0, 1, 2, 3):
        reply = await suite.history("models/fresh", step=step)
        assert (list(reply.points), list(reply.totals), reply.next_page_token) == ([], [], "")
        assert reply.concept.status == concept_pb2.CONCEPT_STATUS_INSUFFICIENT_DATA
        assert reply.concept.summary
        assert (reply.end_time.seconds - reply.start_time.seconds) % 3600 == 0


async def test_ninety_days_of_hours_are_pages(suite: Suite) -> None:
    await suite.model("paged")
    token, seen = "", 0
    start = {"seconds": NOW - 90 * DAY}
    while True:
        reply = await suite.history(
            "paged", step=rpc.PERFORMANCE_STEP_HOURLY, start_time=start, page_token=token
        )
        token, seen = reply.next_page_token, seen + 1
        if not token:
            break
    assert seen == 3
    hourly = await suite.history("paged", step=rpc.PERFORMANCE_STEP_HOURLY, start_time=start)
    with pytest.raises(RemoteError, match="page_token"):
        await suite.history("paged", start_time=start, page_token=hourly.next_page_token)


async def test_how_errors_are_watched_is_set_with_the_alerts_and_checked(suite: Suite, ask: Ask) -> None:
    await suite.model("watched")

    async def update(**how: Any) -> None:
        given: dict[str, Any] = {"concept": {"detection": how}}
        await ask("UpdateAlertConfig", alert_rpc_pb2.UpdateAlertConfigRequest(model="watched", config=given))

    with pytest.raises(RemoteError, match=r"config\.concept\.detection\.usual_loss"):
        await update(usual_loss=1.5)
    await update(usual_loss=0.25, detector=concept_pb2.CONCEPT_DETECTOR_ADWIN)
    detection = (await suite.history("watched")).concept.detection
    assert (detection.usual_loss, detection.detector) == (0.25, concept_pb2.CONCEPT_DETECTOR_ADWIN)
    await update(disabled=True)
    assert "Nobody watches" in (await suite.history("watched")).concept.summary
