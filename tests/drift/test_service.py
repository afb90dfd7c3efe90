"""DriftService over a real channel: baselines, and what callers are told when they err."""

import random
import time
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest, GetLatestResultRequest, GetResultRequest
from turnout.drift.v1.baseline_pb2 import Columns, NumericColumn
from turnout.drift.v1.baseline_rpc_pb2 import (
    DeleteBaselineRequest,
    GetActiveBaselineRequest,
    ListBaselinesRequest,
    SetActiveBaselineRequest,
)
from turnout.drift.v1.result_pb2 import DRIFT_STATUS_INSUFFICIENT_DATA
from turnout.router.v1.model_pb2 import Model

from services.drift import baseline_store
from services.foundation.errors import RemoteError
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.kinds import MODELS
from services.state.moments import END
from tests.drift.conftest import ROWS, Ask, columns, creation

A, B = GetActiveBaselineRequest(model="churn"), ListBaselinesRequest(model="churn")


async def test_a_baseline_is_created_active_and_shows_its_schema(ask: Ask, model: Model) -> None:
    made = (await ask("CreateBaseline", creation(baseline_id="july", importance={"age": 3.0}))).baseline
    assert made.name == "models/churn/baselines/july"
    assert made.active
    assert made.rows == ROWS
    assert made.model_uid == model.uid
    assert [(feature.name, feature.importance) for feature in made.features] == [
        ("age", 3.0),
        ("amount", 1.0),
        ("plan", 1.0),
    ]
    assert list(made.features[2].categories) == ["basic", "gold"]
    assert (await ask("GetActiveBaseline", A)).baseline == made


async def test_an_older_baseline_can_be_made_active_again(ask: Ask, model: Model) -> None:
    for name in ("first", "second"):
        await ask("CreateBaseline", creation(baseline_id=name))
    idle = (await ask("CreateBaseline", creation(baseline_id="third", activate=False))).baseline
    assert not idle.active
    assert (await ask("GetActiveBaseline", A)).baseline.name.endswith("/second")
    await ask("SetActiveBaseline", SetActiveBaselineRequest(model="models/churn", baseline_id="first"))
    assert (await ask("GetActiveBaseline", A)).baseline.name.endswith("/first")


async def test_baselines_are_listed_newest_first_in_pages(ask: Ask, model: Model) -> None:
    for name in ("a", "b", "c"):
        await ask("CreateBaseline", creation(baseline_id=name))
    first = await ask("ListBaselines", ListBaselinesRequest(model="churn", page_size=2))
    rest = ListBaselinesRequest(model="churn", page_size=2, page_token=first.next_page_token)
    second = await ask("ListBaselines", rest)
    names = [one.name.rpartition("/")[2] for page in (first, second) for one in page.baselines]
    assert names == ["c", "b", "a"]
    assert second.next_page_token == ""
    assert [one.active for one in first.baselines] == [True, False]


async def test_the_same_request_again_answers_the_same_and_makes_nothing(ask: Ask, model: Model) -> None:
    request = creation(request_id="7d0c")
    made = (await ask("CreateBaseline", request)).baseline
    assert (await ask("CreateBaseline", request)).baseline == made
    assert len((await ask("ListBaselines", B)).baselines) == 1


async def test_a_model_with_all_its_baselines_has_room_again_when_one_is_deleted(
    ask: Ask, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baseline_store, "MAX_BASELINES", 2)
    for name in ("first", "second"):
        await ask("CreateBaseline", creation(baseline_id=name))
    with pytest.raises(RemoteError, match="delete one first") as full:
        await ask("CreateBaseline", creation(baseline_id="third"))
    assert full.value.reason == "STORE_FULL"
    await ask("DeleteBaseline", DeleteBaselineRequest(name=f"{model.name}/baselines/first"))
    await ask("CreateBaseline", creation(baseline_id="third"))
    listed = (await ask("ListBaselines", B)).baselines
    assert [one.name.rpartition("/")[2] for one in listed] == ["third", "second"]


async def test_the_active_baseline_is_not_deleted(ask: Ask, model: Model) -> None:
    made = (await ask("CreateBaseline", creation(baseline_id="july"))).baseline
    with pytest.raises(RemoteError, match="SetActiveBaseline") as used:
        await ask("DeleteBaseline", DeleteBaselineRequest(name=made.name))
    assert (used.value.code, used.value.reason) == ("FAILED_PRECONDITION", "BASELINE_IN_USE")
    assert (await ask("GetActiveBaseline", A)).baseline == made


async def test_deleting_twice_says_that_it_is_gone(ask: Ask, model: Model) -> None:
    for name in ("old", "new"):
        await ask("CreateBaseline", creation(baseline_id=name))
    gone = DeleteBaselineRequest(name="models/churn/baselines/old")
    await ask("DeleteBaseline", gone)
    with pytest.raises(RemoteError, match="models/churn/baselines/old") as again:
        await ask("DeleteBaseline", gone)
    assert again.value.reason == "BASELINE_NOT_FOUND"


async def test_a_repeated_request_does_not_undo_a_later_choice(ask: Ask, model: Model) -> None:
    await ask("CreateBaseline", creation(baseline_id="a", request_id="1"))
    await ask("CreateBaseline", creation(baseline_id="b"))
    again = (await ask("CreateBaseline", creation(baseline_id="a", request_id="1"))).baseline
    assert not again.active
    assert (await ask("GetActiveBaseline", A)).baseline.name.endswith("/b")


async def test_without_traffic_there_is_no_verdict(ask: Ask, model: Model) -> None:
    await ask("CreateBaseline", creation())
    result = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    assert result.status == DRIFT_STATUS_INSUFFICIENT_DATA
    assert result.rows == 0
    assert "Too few rows" in result.summary
    assert (await ask("GetLatestResult", GetLatestResultRequest(model="churn"))).result == result


SHORT = Columns(numeric={"a": NumericColumn(values=[1.0]), "b": NumericColumn(values=[1.0, 2.0])})
NANS = Columns(numeric={"a": NumericColumn(values=[float("nan")] * 3)})
EARLY, LATE = Timestamp(seconds=1_760_000_000), Timestamp(seconds=1_760_003_600)

WRONG: dict[str, tuple[str, Any, str, str, str]] = {
    "unknown model": ("CreateBaseline", creation(model="ghost"), "MODEL_NOT_FOUND", "", "models/ghost"),
    "no model": ("Analyze", AnalyzeRequest(), "INVALID_ARGUMENT", "model", "is required"),
    "no columns": ("CreateBaseline", creation(columns=Columns()), "INVALID_ARGUMENT", "columns", "is empty"),
    "lengths differ": (
        "CreateBaseline",
        creation(columns=SHORT),
        "INVALID_ARGUMENT",
        "columns.numeric[",
        "rows where",
    ),
    "nothing finite": (
        "CreateBaseline",
        creation(columns=NANS),
        "INVALID_ARGUMENT",
        "columns.numeric['a']",
        "no finite value",
    ),
    "bad id": ("CreateBaseline", creation(baseline_id="Ü"), "INVALID_ARGUMENT", "baseline_id", "lower-case"),
    "no baseline": ("Analyze", AnalyzeRequest(model="churn"), "BASELINE_NOT_FOUND", "", "create one"),
    "unknown baseline": (
        "SetActiveBaseline",
        SetActiveBaselineRequest(model="churn", baseline_id="nope"),
        "BASELINE_NOT_FOUND",
        "",
        "models/churn/baselines/nope",
    ),
    "no result": (
        "GetLatestResult",
        GetLatestResultRequest(model="churn"),
        "RESULT_NOT_FOUND",
        "",
        "call Analyze",
    ),
    "a baseline's name in short": (
        "DeleteBaseline",
        DeleteBaselineRequest(name="july"),
        "INVALID_ARGUMENT",
        "name",
        "models/{id}/baselines/{id}",
    ),
    "a result's name in short": (
        "GetResult",
        GetResultRequest(name="models/churn/baselines/july"),
        "INVALID_ARGUMENT",
        "name",
        "models/{id}/results/{id}",
    ),
    "unknown result": (
        "GetResult",
        GetResultRequest(name="models/churn/results/nope"),
        "RESULT_NOT_FOUND",
        "",
        "models/churn/results/nope",
    ),
    "window backwards": (
        "Analyze",
        AnalyzeRequest(model="churn", start_time=LATE, end_time=EARLY),
        "INVALID_ARGUMENT",
        "start_time",
        "before end_time",
    ),
}


@pytest.mark.parametrize(("method", "request_", "reason", "field", "said"), WRONG.values(), ids=WRONG)
async def test_errors_name_the_reason_the_field_and_what_would_be_right(
    ask: Ask, model: Model, method: str, request_: Any, reason: str, field: str, said: str
) -> None:
    with pytest.raises(RemoteError) as refused:
        await ask(method, request_)
    assert refused.value.reason == reason
    assert said in refused.value.message
    if field:
        assert any(violation.field.startswith(field) for violation in refused.value.fields)
    assert not (await ask("ListBaselines", B)).baselines


async def test_a_taken_id_is_refused_and_the_first_one_stays(ask: Ask, model: Model) -> None:
    made = (await ask("CreateBaseline", creation(baseline_id="july"))).baseline
    with pytest.raises(RemoteError, match="is taken") as refused:
        await ask("CreateBaseline", creation(baseline_id="july", columns=columns(seed=2)))
    assert refused.value.reason == "NAME_TAKEN"
    assert (await ask("GetActiveBaseline", A)).baseline == made


async def test_a_request_id_belongs_to_one_request(ask: Ask, model: Model) -> None:
    await ask("CreateBaseline", creation(request_id="1"))
    with pytest.raises(RemoteError) as refused:
        await ask("CreateBaseline", creation(request_id="1", description="another"))
    assert refused.value.reason == "REQUEST_ID_REUSED"


async def test_an_unknown_feature_is_refused_by_name(ask: Ask, model: Model) -> None:
    await ask("CreateBaseline", creation())
    with pytest.raises(RemoteError, match="'size' is no feature"):
        await ask("Analyze", AnalyzeRequest(model="churn", features=["age", "size"]))


async def test_a_column_that_its_model_does_not_read_is_refused_by_name(
    ask: Ask, connections: Connections
) -> None:
    store = ConfigStore(connections, MODELS, time.time, random.Random(3))
    made = Model(name="models/typed")
    for name in ("age", "plan"):
        made.signature.features.add(name=name)
    await store.create(made)
    with pytest.raises(RemoteError) as refused:
        await ask("CreateBaseline", creation(model="typed"))
    assert refused.value.code == "INVALID_ARGUMENT"
    assert [each.field for each in refused.value.fields] == ["columns.numeric['amount']"]


@pytest.mark.parametrize("field", ["start_time", "end_time"])
@pytest.mark.parametrize(
    "stamp",
    [
        Timestamp(seconds=2**62),
        Timestamp(seconds=-(2**62)),
        Timestamp(nanos=2**31 - 1),
        Timestamp(nanos=-1),
        Timestamp(seconds=253_402_300_799),  # 9999-12-31T23:59:59Z
        Timestamp(seconds=-62_135_596_800),  # 0001-01-01T00:00:00Z
    ],
    ids=str,
)
async def test_a_time_of_another_age_is_refused_by_its_field(
    ask: Ask, model: Model, field: str, stamp: Timestamp
) -> None:
    await ask("CreateBaseline", creation())
    with pytest.raises(RemoteError) as refused:
        await ask("Analyze", AnalyzeRequest(model="churn", **{field: stamp}))  # type: ignore[arg-type]
    assert refused.value.code == "INVALID_ARGUMENT"
    assert [each.field for each in refused.value.fields] == [field]


@pytest.mark.parametrize("times", [(0, END - 1), (None, 0), (0, 1)], ids=str)
async def test_every_window_that_has_begun_is_analysed(
    ask: Ask, model: Model, times: tuple[int | None, int]
) -> None:
    await ask("CreateBaseline", creation())
    start, end = (None if time is None else Timestamp(seconds=time) for time in times)
    result = (await ask("Analyze", AnalyzeRequest(model="churn", start_time=start, end_time=end))).result
    assert result.end_time.seconds >= times[1]
