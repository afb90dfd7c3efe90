"""Analyses as they are kept: listed newest first, filtered, bounded."""

import random
import time
from typing import Any

import pytest
from turnout.drift.v1 import analysis_pb2 as rpc
from turnout.drift.v1.baseline_rpc_pb2 import DeleteBaselineRequest
from turnout.drift.v1.result_pb2 import (
    DRIFT_STATUS_ALERT,
    DRIFT_STATUS_INSUFFICIENT_DATA,
    DRIFT_STATUS_OK,
    DriftResult,
    DriftStatus,
)
from turnout.drift.v1.segment_pb2 import Segment
from turnout.router.v1.model_pb2 import Model

from services.drift import result_store
from services.drift.result_store import ResultStore
from services.foundation.errors import RemoteError
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.ids import new_uid
from services.state.kinds import MODELS
from tests.drift.conftest import Ask, columns, creation

RNG = random.Random(7)
DAY = 86_400.0


async def keep(
    connections: Connections, model: Model, status: DriftStatus, at: float, words: str = "said"
) -> str:
    """Keeps a result that was found at a time; its name."""
    name = f"{model.name}/results/{new_uid(at, RNG)}"
    result = DriftResult(format=1, name=name, status=status, summary=words)
    await ResultStore(connections).write(model.uid, result, at)
    return name


async def listed(ask: Ask, **given: object) -> list[str]:
    names: list[str] = []
    token = ""
    while True:
        page = await ask("ListResults", rpc.ListResultsRequest(model="churn", page_token=token, **given))  # type: ignore[arg-type]
        names += [one.name for one in page.results]
        token = page.next_page_token
        if not token:
            return names


async def test_every_analysis_can_be_read_again(ask: Ask, model: Model) -> None:
    await ask("CreateBaseline", creation())
    first, second = [(await ask("Analyze", rpc.AnalyzeRequest(model="churn"))).result for _ in range(2)]
    assert first.status == DRIFT_STATUS_INSUFFICIENT_DATA
    assert await listed(ask) == [second.name, first.name]
    assert (await ask("GetResult", rpc.GetResultRequest(name=first.name))).result == first
    assert (await ask("GetLatestResult", rpc.GetLatestResultRequest(model="churn"))).result == second


async def test_pages_and_a_status_filter(ask: Ask, connections: Connections, model: Model) -> None:
    now = time.time()
    statuses = [DRIFT_STATUS_ALERT, DRIFT_STATUS_OK, DRIFT_STATUS_OK, DRIFT_STATUS_ALERT, DRIFT_STATUS_OK]
    names = [await keep(connections, model, status, now + place) for place, status in enumerate(statuses)]
    assert await listed(ask, page_size=2) == names[::-1]
    alerts = [name for name, status in zip(names, statuses, strict=True) if status == DRIFT_STATUS_ALERT]
    assert await listed(ask, page_size=1, status=DRIFT_STATUS_ALERT) == alerts[::-1]


async def test_a_status_that_is_none_is_refused(ask: Ask, model: Model) -> None:
    with pytest.raises(RemoteError, match=r"status is one of DRIFT_STATUS_OK, .*; got 99"):
        await ask("ListResults", rpc.ListResultsRequest(model="churn", status=99))  # type: ignore[arg-type]


async def test_a_token_is_good_for_its_own_filter_only(
    ask: Ask, connections: Connections, model: Model
) -> None:
    for _ in range(2):
        await keep(connections, model, DRIFT_STATUS_OK, time.time())
    page = await ask("ListResults", rpc.ListResultsRequest(model="churn", page_size=1))
    other = rpc.ListResultsRequest(
        model="churn", status=DRIFT_STATUS_OK, page_size=1, page_token=page.next_page_token
    )
    with pytest.raises(RemoteError, match="page_token"):
        await ask("ListResults", other)


async def test_a_page_of_large_results_is_shorter_and_none_is_lost(
    ask: Ask, connections: Connections, model: Model
) -> None:
    now = time.time()
    names = [await keep(connections, model, DRIFT_STATUS_OK, now + at, "x" * 300_000) for at in range(14)]
    page = await ask("ListResults", rpc.ListResultsRequest(model="churn"))
    assert 0 < len(page.results) < 14
    assert await listed(ask) == names[::-1]


async def test_the_oldest_go_beyond_the_count(
    ask: Ask, connections: Connections, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_store, "MOST_RESULTS", 3)
    names = [await keep(connections, model, DRIFT_STATUS_OK, time.time() + at) for at in range(4)]
    assert await listed(ask) == names[:0:-1]
    with pytest.raises(RemoteError, match="not any more"):
        await ask("GetResult", rpc.GetResultRequest(name=names[0]))


async def test_the_oldest_go_beyond_the_bytes_and_the_newest_always_stays(
    ask: Ask, connections: Connections, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_store, "MOST_BYTES", 2_500)
    names = [await keep(connections, model, DRIFT_STATUS_OK, time.time() + at, "x" * 1000) for at in range(3)]
    assert await listed(ask) == names[:0:-1]
    huge = await keep(connections, model, DRIFT_STATUS_OK, time.time() + 9, "x" * 5000)
    assert await listed(ask) == [huge]


async def test_what_is_older_than_ninety_days_goes(ask: Ask, connections: Connections, model: Model) -> None:
    now = time.time()
    await keep(connections, model, DRIFT_STATUS_OK, now - 91 * DAY)
    kept = await keep(connections, model, DRIFT_STATUS_OK, now - 89 * DAY)
    newest = await keep(connections, model, DRIFT_STATUS_OK, now)
    assert await listed(ask) == [newest, kept]


async def test_the_same_result_twice_is_one(ask: Ask, connections: Connections, model: Model) -> None:
    result = DriftResult(
        format=1, name=f"{model.name}/results/{new_uid(time.time(), RNG)}", status=DRIFT_STATUS_OK
    )
    for _ in range(2):
        await ResultStore(connections).write(model.uid, result, time.time())
    assert await listed(ask) == [result.name]


async def test_each_question_has_its_own_latest_answer(
    ask: Ask, connections: Connections, model: Model
) -> None:
    """Nobody who asks for the model hears of a segment, a column, another model or a baseline of before."""
    north = Segment(name="region", value="north")
    await ConfigStore(connections, MODELS, time.time, RNG).create(Model(name="models/rival"))
    await ask("CreateBaseline", creation(baseline_id="may"))
    await ask("CreateBaseline", creation(baseline_id="north", segment=north))
    await ask("CreateBaseline", creation(model="rival"))
    asked: list[dict[str, Any]] = [
        {},
        {"segment": north},
        {"reference_model": "rival"},
        {"features": ["age", "plan"]},
    ]
    made = [(await ask("Analyze", rpc.AnalyzeRequest(model="churn", **of))).result for of in asked]
    for of, result in zip(asked, made, strict=True):
        latest = await ask("GetLatestResult", rpc.GetLatestResultRequest(model="churn", **of))
        assert latest.result == result
        assert await listed(ask, **of) == [result.name]
    other_order = rpc.GetLatestResultRequest(model="churn", features=["plan", "age"])
    assert (await ask("GetLatestResult", other_order)).result == made[3]
    everything = [one.name for one in made[::-1]]
    assert await listed(ask, all_comparisons=True) == everything
    assert await listed(ask, all_comparisons=True, page_size=1) == everything
    await ask("CreateBaseline", creation(baseline_id="june"))
    with pytest.raises(RemoteError, match="with baseline june, only others such as models/churn/results/"):
        await ask("GetLatestResult", rpc.GetLatestResultRequest(model="churn"))
    may = rpc.GetLatestResultRequest(model="churn", baseline="models/churn/baselines/may")
    assert (await ask("GetLatestResult", may)).result == made[0]
    assert await listed(ask) == await listed(ask, baseline="models/churn/baselines/may") == [made[0].name]


async def test_what_was_said_of_a_deleted_baseline_is_no_latest_answer(ask: Ask, model: Model) -> None:
    """Neither while nothing is active, nor of another baseline that has the same id."""
    latest = rpc.GetLatestResultRequest(model="churn")
    await ask("CreateBaseline", creation(baseline_id="may"))
    former = (await ask("Analyze", rpc.AnalyzeRequest(model="churn"))).result
    assert (await ask("GetLatestResult", latest)).result == former
    await ask("DeleteBaseline", DeleteBaselineRequest(name=former.baseline, force=True))
    with pytest.raises(RemoteError, match="has no active baseline; create one first"):
        await ask("GetLatestResult", latest)
    by_name = rpc.GetLatestResultRequest(model="churn", baseline=former.baseline)
    assert (await ask("GetLatestResult", by_name)).result == former

    await ask("CreateBaseline", creation(baseline_id="may", columns=columns(2)))
    for asked in (latest, by_name):
        with pytest.raises(RemoteError, match="no result with baseline may, only others") as refused:
            await ask("GetLatestResult", asked)
        assert refused.value.reason == "RESULT_NOT_FOUND"
    assert await listed(ask) == await listed(ask, baseline="may") == [former.name]
    current = (await ask("Analyze", rpc.AnalyzeRequest(model="churn"))).result
    assert (await ask("GetLatestResult", latest)).result == current


@pytest.mark.parametrize(
    ("method", "given", "field"),
    [
        ("GetLatestResult", {"reference_model": "churn"}, "reference_model"),
        ("GetLatestResult", {"reference_model": "rival", "baseline": "may"}, "baseline"),
        ("GetLatestResult", {"baseline": "models/other/baselines/may"}, "baseline"),
        ("GetLatestResult", {"segment": Segment(name="region")}, "segment.value"),
        ("ListResults", {"all_comparisons": True, "features": ["age"]}, "features"),
        ("ListResults", {"all_comparisons": True, "segment": Segment(name="a", value="b")}, "segment"),
    ],
)
async def test_a_question_that_contradicts_itself_is_refused(
    ask: Ask, model: Model, method: str, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(RemoteError) as refused:
        await ask(method, getattr(rpc, f"{method}Request")(model="churn", **given))
    assert [one.field for one in refused.value.fields] == [field]
