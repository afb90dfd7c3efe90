"""Counting on a baseline that is not active, over a real channel: asked for, refused, shown, analysed."""

import random
import time
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest, GetLatestResultRequest
from turnout.drift.v1.baseline_rpc_pb2 import (
    DeleteBaselineRequest,
    GetBaselineRequest,
    ListBaselinesRequest,
    SetActiveBaselineRequest,
)
from turnout.drift.v1.result_pb2 import DRIFT_STATUS_ALERT, DRIFT_STATUS_OK, DriftResult
from turnout.drift.v1.segment_pb2 import Segment
from turnout.router.v1.model_pb2 import Model

from services.foundation.errors import RemoteError
from services.state.connection import Connections
from services.state.verdicts import VerdictReader
from tests.drift.conftest import Ask, columns, creation
from tests.drift.test_analyze import log
from tests.drift.traffic import prediction

EU = Segment(name="region", value="eu")
BESIDE = {"activate": False, "counted": True}


def use(own: str, **how: bool) -> SetActiveBaselineRequest:
    return SetActiveBaselineRequest(model="churn", baseline_id=own, **how)


async def seen(ask: Ask, **asked: Any) -> DriftResult:
    result: DriftResult = (await ask("Analyze", AnalyzeRequest(model="churn", **asked))).result
    return result


async def uses(ask: Ask) -> dict[str, tuple[bool, bool]]:
    """Whether each baseline is active, and whether it is counted."""
    listed = (await ask("ListBaselines", ListBaselinesRequest(model="churn"))).baselines
    return {one.name.rpartition("/")[2]: (one.active, one.counted) for one in listed}


async def traffic(connections: Connections, rows: int, age: float = 60.0, seed: int = 1) -> None:
    rng = np.random.default_rng(seed)
    events = [prediction(rng, age) for _ in range(rows)]
    for event in events:
        event.segments["region"] = "eu"
    await log(connections, events)


@pytest.fixture
async def two(ask: Ask, model: Model) -> None:
    """An active baseline of people of 40, and one of people of 60 that is counted beside it."""
    await ask("CreateBaseline", creation(baseline_id="old"))
    older = columns()
    older.numeric["age"].values[:] = [value + 20 for value in older.numeric["age"].values]
    made = await ask("CreateBaseline", creation(baseline_id="new", columns=older, **BESIDE))
    assert (made.baseline.active, made.baseline.counted) == (False, True)


async def test_it_has_its_windows_on_the_day_when_it_is_made_active(
    connections: Connections, ask: Ask, two: None
) -> None:
    await traffic(connections, 300)
    former = await seen(ask)
    assert (former.rows, former.status) == (300, DRIFT_STATUS_ALERT)
    named = await seen(ask, baseline="new")
    assert (named.rows, named.status, named.baseline) == (300, DRIFT_STATUS_OK, "models/churn/baselines/new")
    made = (await ask("SetActiveBaseline", use("new"))).baseline
    assert (made.active, made.counted) == (True, True)
    assert await uses(ask) == {"new": (True, True), "old": (False, False)}
    now = await seen(ask)
    assert (now.rows, now.status, now.baseline) == (300, DRIFT_STATUS_OK, named.baseline)
    assert list(now.features) == list(named.features)
    await traffic(connections, 100, seed=2)
    names = ("old", "models/churn/baselines/new")
    assert [(await seen(ask, baseline=one)).rows for one in names] == [300, 400]


async def test_the_former_one_is_counted_again_when_that_is_asked_for(
    connections: Connections, ask: Ask, two: None
) -> None:
    await ask("SetActiveBaseline", use("new"))
    again = (await ask("SetActiveBaseline", use("old", activate=False, counted=True))).baseline
    assert (again.active, again.counted) == (False, True)
    await traffic(connections, 50)
    assert (await seen(ask, baseline="old")).rows == 50
    stopped = (await ask("SetActiveBaseline", use("old", activate=False, counted=False))).baseline
    assert (stopped.active, stopped.counted) == (False, False)
    await traffic(connections, 30, seed=2)
    assert ((await seen(ask, baseline="old")).rows, (await seen(ask)).rows) == (50, 80)


async def test_a_second_one_beside_is_refused_and_nothing_is_left_of_it(ask: Ask, two: None) -> None:
    for request in (
        creation(baseline_id="third", **BESIDE),
        creation(baseline_id="third", request_id="7d0c", **BESIDE),
    ):
        with pytest.raises(RemoteError, match=r"at most 1 baseline is counted.*models/churn is 'new'") as no:
            await ask("CreateBaseline", request)
        assert (no.value.code, no.value.reason) == ("RESOURCE_EXHAUSTED", "STORE_FULL")
        assert [one.field for one in no.value.fields] == ["counted"]
    assert await uses(ask) == {"new": (False, True), "old": (True, True)}
    await ask("CreateBaseline", creation(baseline_id="third", activate=False))
    with pytest.raises(RemoteError, match="make that one active, or stop counting it") as no:
        await ask("SetActiveBaseline", use("third", **BESIDE))
    assert [one.field for one in no.value.fields] == ["counted"]
    await ask("SetActiveBaseline", use("new", activate=False, counted=False))
    assert (await ask("SetActiveBaseline", use("third", **BESIDE))).baseline.counted


async def test_each_segment_has_one_of_its_own_beside(connections: Connections, ask: Ask, two: None) -> None:
    await ask("CreateBaseline", creation(baseline_id="eu", segment=EU))
    await ask("CreateBaseline", creation(baseline_id="eu-new", segment=EU, **BESIDE))
    with pytest.raises(RemoteError, match="of the segment region = 'eu' of models/churn is 'eu-new'"):
        await ask("CreateBaseline", creation(segment=EU, **BESIDE))
    await traffic(connections, 40)
    assert (await seen(ask, baseline="eu-new", segment=EU)).rows == 40
    for asked, field, words in (
        ({"baseline": "eu-new"}, "baseline", "is of region = 'eu': give that as segment"),
        ({"baseline": "new", "segment": EU}, "baseline", "is of all traffic: leave the segment out"),
    ):
        with pytest.raises(RemoteError, match=words) as refused:
            await seen(ask, **asked)
        assert [one.field for one in refused.value.fields] == [field]


async def test_whoever_is_counted_stays_when_another_one_becomes_active_or_the_active_one_goes(
    ask: Ask, two: None
) -> None:
    await ask("CreateBaseline", creation(baseline_id="third"))
    assert await uses(ask) == {"third": (True, True), "new": (False, True), "old": (False, False)}
    await ask("DeleteBaseline", DeleteBaselineRequest(name="models/churn/baselines/third", force=True))
    assert await uses(ask) == {"new": (False, True), "old": (False, False)}


async def test_deleting_it_ends_the_counting_and_all_that_was_counted(
    connections: Connections, ask: Ask, two: None
) -> None:
    name = GetBaselineRequest(name="models/churn/baselines/new")
    uid = (await ask("GetBaseline", name)).baseline.uid
    await traffic(connections, 40)

    async def kept() -> list[bytes]:
        return [key async for key in connections.steady.scan_iter(match=f"*profile*{uid}*")]

    assert await kept()
    await ask("DeleteBaseline", DeleteBaselineRequest(name=name.name))
    await traffic(connections, 40, seed=2)
    assert await kept() == []
    assert (await ask("CreateBaseline", creation(baseline_id="new", **BESIDE))).baseline.counted
    assert ((await seen(ask)).rows, (await seen(ask, baseline="new")).rows) == (80, 0)


async def test_the_same_request_again_answers_the_same(ask: Ask, model: Model) -> None:
    request = creation(request_id="7d0c", **BESIDE)
    made = (await ask("CreateBaseline", request)).baseline
    assert (await ask("CreateBaseline", request)).baseline == made
    assert made.counted
    own = made.name.rpartition("/")[2]
    await ask("SetActiveBaseline", use(own, activate=False, counted=False))
    # What was decided since is not undone by who sends it again.
    assert not (await ask("CreateBaseline", request)).baseline.counted


async def test_what_is_said_of_one_beside_is_no_word_on_the_model(
    connections: Connections, ask: Ask, model: Model, two: None
) -> None:
    routers = VerdictReader(
        connections, uid_of={model.name: model.uid}.get, now=time.time, rng=random.Random(1)
    )
    await traffic(connections, 300)
    result = await seen(ask, baseline="new")
    with pytest.raises(RemoteError, match="no result with baseline old") as none:
        await ask("GetLatestResult", GetLatestResultRequest(model="churn"))
    assert none.value.reason == "RESULT_NOT_FOUND"
    latest = GetLatestResultRequest(model="churn", baseline="new")
    assert (await ask("GetLatestResult", latest)).result == result
    await routers.poll()
    assert routers.get(model.name) is None
    # The active one by its name is the active one.
    active = await seen(ask, baseline="old")
    assert (await ask("GetLatestResult", GetLatestResultRequest(model="churn"))).result == active
    await routers.poll()
    assert routers.get(model.name) == "alert"


async def test_a_window_that_crowds_into_a_cell_says_the_way_out(
    connections: Connections, ask: Ask, two: None
) -> None:
    await traffic(connections, 200, age=200.0)
    *_, said, way_out = (await seen(ask)).warnings
    assert said.startswith("age: 100.0% of its values lie in one cell, above 7")
    assert "CreateBaseline with window.refreeze, activate false and counted true" in way_out
    assert not any("one cell" in one for one in (await seen(ask, features=["plan"])).warnings)


REFUSED: dict[str, tuple[str, Message, str, str]] = {
    "active and counted": (
        "CreateBaseline",
        creation(counted=True),
        "counted",
        "goes with activate false",
    ),
    "active by name and counted": (
        "CreateBaseline",
        creation(counted=True, activate=True),
        "counted",
        "that one always is",
    ),
    "made active and counted": (
        "SetActiveBaseline",
        use("new", counted=True),
        "counted",
        "goes with activate",
    ),
    "made active and not counted": (
        "SetActiveBaseline",
        use("new", activate=True, counted=False),
        "counted",
        "goes with activate false",
    ),
    "neither": (
        "SetActiveBaseline",
        use("new", activate=False),
        "counted",
        "is required where activate is false",
    ),
    "the active one no longer": (
        "SetActiveBaseline",
        use("old", activate=False, counted=False),
        "counted",
        "cannot be false while models/churn/baselines/old is active; make another one active first",
    ),
    "nobody": ("SetActiveBaseline", use("ghost", **BESIDE), "", "there is no models/churn/baselines/ghost"),
    "no baseline's name": (
        "Analyze",
        AnalyzeRequest(model="churn", baseline="models/other/baselines/new"),
        "baseline",
        r"must be models/churn/baselines/\{id\}",
    ),
    "two references": (
        "Analyze",
        AnalyzeRequest(model="churn", baseline="new", reference_model="churn"),
        "baseline",
        "goes without reference_model",
    ),
    "an unknown reference": (
        "Analyze",
        AnalyzeRequest(model="churn", baseline="ghost"),
        "",
        "there is no models/churn/baselines/ghost",
    ),
}


@pytest.mark.parametrize(("method", "request_", "field", "words"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_is_refused_by_its_field_and_changes_nothing(
    ask: Ask, two: None, method: str, request_: Message, field: str, words: str
) -> None:
    with pytest.raises(RemoteError, match=words) as refused:
        await ask(method, request_)
    if field:
        assert [one.field for one in refused.value.fields] == [field]
    assert await uses(ask) == {"new": (False, True), "old": (True, True)}


async def test_the_active_one_is_counted_already(ask: Ask, two: None) -> None:
    made = (await ask("SetActiveBaseline", use("old", **BESIDE))).baseline
    assert (made.active, made.counted) == (True, True)
    assert await uses(ask) == {"new": (False, True), "old": (True, True)}
