"""Predictions listed over a channel: filters, tokens, and pages that stay whole while traffic flows."""

import asyncio
import random
import time
from typing import Any

import pytest
from turnout.inference.v1.event_pb2 import Truth, TruthEntry
from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.errors import RemoteError
from services.state import formats
from services.state.truth import TruthLog
from tests.router.conftest import doctors
from tests.router.logbook.conftest import Shelf, names


async def listed(shelf: Shelf, **how: Any) -> list[str]:
    """All pages of a list."""
    found: list[str] = []
    request = rpc.ListPredictionsRequest(router="cancer", **how)
    while True:
        page = await shelf.desk.call("RouterService/ListPredictions", request)
        found += names(page.predictions)
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def test_each_filter_leaves_what_it_should(shelf: Shelf) -> None:
    served = shelf.event(60)
    other = shelf.event(61, manifest={"decision": {"variant": "b"}})
    degraded = shelf.event(62, manifest={"degraded": True})
    failed = shelf.event(63, manifest={"degraded": True}, error_code="UNAVAILABLE", error_message="no")
    mine = shelf.event(64, entity_id="me")
    one, two, three, four, five = await shelf.write(served, other, degraded, failed, mine)
    assert await listed(shelf) == [one, two, three, four, five]
    assert await listed(shelf, variant="b") == [two]
    assert await listed(shelf, outcome=rpc.PREDICTION_OUTCOME_SERVED) == [one, two, five]
    assert await listed(shelf, outcome=rpc.PREDICTION_OUTCOME_DEGRADED) == [three]
    assert await listed(shelf, outcome=rpc.PREDICTION_OUTCOME_FAILED) == [four]
    assert await listed(shelf, entity_id="me") == [five]
    assert await listed(shelf, entity_id="me", variant="b") == []
    assert await listed(shelf, start_time=other.time) == [one, two]
    assert await listed(shelf, end_time=other.time) == [three, four, five]


@pytest.mark.parametrize("rule", ["REDACTION_HASHED", "REDACTION_NONE"])
async def test_an_entity_that_is_not_logged_leads_nowhere(shelf: Shelf, rule: str) -> None:
    hidden = "hash:0123456789abcdef"
    shelf.at(await shelf.desk.deploy("secret", doctors(log={"redact": {"entity_id": rule}})))
    (mine,) = await shelf.write(shelf.event(60, entity_id=hidden))
    request = rpc.ListPredictionsRequest(router="secret", entity_id="me")
    with pytest.raises(RemoteError, match="routers/secret does not log it") as refused:
        await shelf.desk.call("RouterService/ListPredictions", request)
    assert (refused.value.code, refused.value.fields[0].field) == ("INVALID_ARGUMENT", "entity_id")
    request.entity_id = hidden
    page = await shelf.desk.call("RouterService/ListPredictions", request)
    assert names(page.predictions) == [mine]


async def test_truth_is_a_filter(shelf: Shelf) -> None:
    one, two, batch = await shelf.write(shelf.event(60), shelf.event(61), shelf.event(62, rows=4))
    log = TruthLog(shelf.connections)
    for name, row in ((two, 0), (batch, 3)):
        entry = TruthEntry(format=formats.TRUTH, prediction_id=name, row=row, truth=Truth(label="yes"))
        await log.append(entry, 3600.0)
    assert await listed(shelf, truth=rpc.TRUTH_STATE_MATCHED) == [two, batch]
    assert await listed(shelf, truth=rpc.TRUTH_STATE_UNMATCHED) == [one]
    assert await listed(shelf, truth=rpc.TRUTH_STATE_MATCHED, page_size=1) == [two, batch]


@pytest.mark.parametrize(
    "changed",
    [
        {"variant": "a"},
        {"outcome": rpc.PREDICTION_OUTCOME_SERVED},
        {"truth": rpc.TRUTH_STATE_UNMATCHED},
        {"entity_id": "me"},
        {"end_time": {"seconds": 2_000_000_000}},
    ],
)
async def test_a_token_is_good_for_its_filters_only(shelf: Shelf, changed: Any) -> None:
    await shelf.write(*(shelf.event(60 + age) for age in range(3)))
    first = await shelf.desk.call(
        "RouterService/ListPredictions", rpc.ListPredictionsRequest(router="cancer", page_size=1)
    )
    request = rpc.ListPredictionsRequest(
        router="cancer", page_size=1, page_token=first.next_page_token, **changed
    )
    with pytest.raises(RemoteError) as refused:
        await shelf.desk.call("RouterService/ListPredictions", request)
    assert refused.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(("field", "value"), [("outcome", 9), ("truth", 9)])
async def test_a_filter_that_nobody_knows_is_refused(shelf: Shelf, field: str, value: int) -> None:
    request = rpc.ListPredictionsRequest(router="cancer", **{field: value})  # type: ignore[arg-type]
    with pytest.raises(RemoteError) as refused:
        await shelf.desk.call("RouterService/ListPredictions", request)
    assert refused.value.code == "INVALID_ARGUMENT"
    assert field in refused.value.message


async def test_a_window_that_ends_before_it_begins_is_refused(shelf: Shelf) -> None:
    begin, end = shelf.event(60).time, shelf.event(120).time
    window: dict[str, Any] = {"router": "cancer", "start_time": begin, "end_time": end}
    with pytest.raises(RemoteError) as refused:
        await shelf.desk.call("RouterService/ListPredictions", rpc.ListPredictionsRequest(**window))
    assert [name for name, _ in refused.value.fields] == ["start_time"]
    with pytest.raises(RemoteError, match="must lie before end_time"):
        await anext(shelf.stream("ExportPredictions", rpc.ExportPredictionsRequest(**window)))


@pytest.mark.parametrize("seed", range(6))
async def test_pages_show_each_prediction_once_while_others_are_made(shelf: Shelf, seed: int) -> None:
    """Whatever the size of the pages and the filters, and however fast records come meanwhile."""
    rng = random.Random(seed)
    made = [
        shelf.event(rng.uniform(6, 600), manifest={"decision": {"variant": rng.choice("ab")}})
        for _ in range(rng.randrange(60, 150))
    ]
    await shelf.write(*made)
    variant = rng.choice(("", "a"))
    # "a" and "b" merge into the variant that was written last.
    wanted = [one for one in made if not variant or one.manifest.decision.variant == variant]
    began, paging = time.time(), True

    async def traffic() -> int:
        written = 0
        while paging:
            written += len(await shelf.write(*(shelf.event(rng.uniform(-1, 1)) for _ in range(5))))
        return written

    writing = asyncio.create_task(traffic())
    seen = await listed(shelf, page_size=rng.randrange(1, 40), variant=variant)
    paging = False
    assert await writing > 0
    # What was made while the pages were turned is younger than five seconds, unless that took longer.
    assert time.time() - began < 5
    assert sorted(seen, reverse=True) == seen
    assert len(set(seen)) == len(seen)
    assert set(seen) == {one.manifest.prediction_id for one in wanted}
