"""A window of logged traffic becomes a baseline, over a real channel."""

import random
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise

import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import baseline_pb2, logging_pb2
from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest
from turnout.drift.v1.feature_role_pb2 import (
    FEATURE_ROLE_PREDICTION,
    FEATURE_ROLE_SCORE,
    FEATURE_ROLE_UNSPECIFIED,
)
from turnout.drift.v1.result_pb2 import DRIFT_STATUS_OK
from turnout.drift.v1.segment_pb2 import Segment
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1.model_pb2 import FEATURE_KIND_CATEGORICAL, FEATURE_KIND_NUMERIC, Model
from turnout.router.v1.model_pb2 import Feature as ModelFeature

from services.drift.build import handler_of
from services.drift.cells import freeze
from services.drift.making import windows
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.state import ids, keys
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.consumer import Entry
from services.state.fenced import Fence
from services.state.kinds import MODELS
from services.state.streams import PACKED_EVENTS
from tests.drift.conftest import Ask, creation
from tests.drift.making.conftest import SERVICE

RNG = np.random.default_rng(31)
ROWS = 600
AGE = RNG.normal(50, 10, ROWS)
PLAN = RNG.choice(["basic", "gold", "new"], ROWS)
# Records settle for 5 s before they are listed.
AGO = 30

Log = Callable[[], Awaitable[None]]


@pytest.fixture
def log(client: Client, connections: Connections, model: Model) -> Log:
    """Logs ROWS predictions, and does what drift's owner of their partition does."""

    async def work() -> None:
        made = [prediction(row) for row in range(ROWS)]
        request = logging_pb2.LogPredictionsRequest(model="churn", predictions=made)
        reply = await client.upload(SERVICE, "LogPredictions")(iter([request]), timeout=20)
        assert reply.logged == ROWS
        await owner(connections, model)

    return work


async def owner(connections: Connections, model: Model) -> None:
    """Does what drift's owner of the model's partition does."""
    partition = ids.partition_for(model.uid)
    fence = Fence(keys.token(partition, "drift"), "1")
    await connections.steady.set(fence.key, fence.token)
    found = await connections.steady.xrange(keys.events(partition))
    entries = [Entry(name.decode(), PACKED_EVENTS.decode(one[PACKED_EVENTS.field])) for name, one in found]
    await handler_of(connections, time.time).handle(partition, fence, entries)


def prediction(row: int) -> logging_pb2.LogPredictionRequest:
    features = TabularInput(
        numeric_features={"age": AGE[row]} if row % 10 else {}, categorical_features={"plan": str(PLAN[row])}
    )
    return logging_pb2.LogPredictionRequest(
        time=Timestamp(seconds=int(time.time()) - AGO),
        input=Input(tabular=features),
        label="churn" if row % 4 == 0 else "stay",
        score=0.5 + row / ROWS / 2,
        segments={"region": "eu" if row % 2 else "us"},
    )


def request(refreeze: bool = False, **changes: object) -> rpc.CreateBaselineRequest:
    start = Timestamp(seconds=int(time.time()) - 600)
    window = rpc.BaselineWindow(start_time=start, refreeze=refreeze)
    return rpc.CreateBaselineRequest(model="churn", window=window, **changes)  # type: ignore[arg-type]


async def test_without_a_baseline_the_records_are_read(ask: Ask, log: Log) -> None:
    await log()
    made = (await ask("CreateBaseline", request(score_column="p", importance={"age": 2.0}))).baseline
    assert (made.rows, made.source, made.active) == (ROWS, baseline_pb2.BASELINE_SOURCE_WINDOW, True)
    found = {one.name: one for one in made.features}
    assert sorted(found) == ["age", "p", "plan", "prediction"]
    there = AGE[np.arange(ROWS) % 10 != 0]
    assert list(found["age"].edges) == freeze(there).edges.tolist()
    assert (found["age"].missing, found["age"].importance) == (ROWS // 10, 2.0)
    assert dict(zip(found["plan"].categories, found["plan"].counts, strict=True)) == {
        name: np.count_nonzero(name == PLAN) for name in ("basic", "gold", "new")
    }
    assert found["prediction"].role == FEATURE_ROLE_PREDICTION
    assert dict(zip(found["prediction"].categories, found["prediction"].counts, strict=True)) == {
        "churn": ROWS // 4,
        "stay": ROWS - ROWS // 4,
    }
    assert found["p"].role == FEATURE_ROLE_SCORE
    assert (found["p"].min, sum(found["p"].counts)) == (0.5, ROWS)


async def test_a_baseline_s_cells_get_the_window_s_counts(ask: Ask, log: Log) -> None:
    first = (await ask("CreateBaseline", creation())).baseline
    await log()
    made = (await ask("CreateBaseline", request())).baseline
    assert (made.rows, made.source) == (ROWS, baseline_pb2.BASELINE_SOURCE_WINDOW)
    before, found = ({one.name: one for one in each.features} for each in (first, made))
    # No prediction had an amount.
    assert sorted(found) == ["age", "plan"]
    assert "Feature 'amount' was left out: it has no value that counts." in made.warnings
    assert found["age"].edges == before["age"].edges
    there = AGE[np.arange(ROWS) % 10 != 0]
    assert list(found["age"].counts) == freeze_counts(before["age"].edges, there)
    # What the baseline did not know is known now.
    assert list(found["plan"].categories) == ["basic", "gold", "new"]
    assert sum(found["plan"].counts) == ROWS


async def test_what_the_window_had_is_within_its_range(ask: Ask, log: Log) -> None:
    """Also beyond the cells of the baseline that it was counted on."""
    younger = creation()
    younger.columns.numeric["age"].values[:] = [age - 20 for age in younger.columns.numeric["age"].values]
    await ask("CreateBaseline", younger)
    await log()
    made = (await ask("CreateBaseline", request())).baseline
    ages = next(one for one in made.features if one.name == "age")
    assert ages.counts[-1] > ROWS / 10
    await log()
    result = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    (age,) = (one for one in result.features if one.feature == "age")
    assert (result.status, age.out_of_range_share, age.out_of_range_changed) == (DRIFT_STATUS_OK, 0, False)
    assert not any("never saw" in said for said in result.warnings)


async def test_refreezing_makes_new_cells(ask: Ask, log: Log) -> None:
    await ask("CreateBaseline", creation())
    await log()
    made = (await ask("CreateBaseline", request(refreeze=True))).baseline
    (age,) = (one for one in made.features if one.name == "age")
    assert list(age.edges) == freeze(AGE[np.arange(ROWS) % 10 != 0]).edges.tolist()


async def test_refrozen_cells_are_counted_on_beside_the_old_ones(ask: Ask, log: Log) -> None:
    await ask("CreateBaseline", creation(baseline_id="old"))
    await log()
    beside = request(refreeze=True, baseline_id="new", activate=False, counted=True)
    made = (await ask("CreateBaseline", beside)).baseline
    assert (made.rows, made.active, made.counted) == (ROWS, False, True)
    await log()
    await ask("SetActiveBaseline", rpc.SetActiveBaselineRequest(model="churn", baseline_id="new"))
    result = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    assert (result.baseline, result.status) == (made.name, DRIFT_STATUS_OK)
    assert result.rows >= ROWS


async def test_a_segment_of_the_window(ask: Ask, log: Log) -> None:
    await log()
    eu = Segment(name="region", value="eu")
    made = (await ask("CreateBaseline", request(segment=eu))).baseline
    assert (made.rows, made.segment) == (ROWS // 2, eu)
    with pytest.raises(RemoteError, match="of the segment region = 'mars' was logged") as refused:
        await ask("CreateBaseline", request(segment=Segment(name="region", value="mars")))
    assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "NOTHING_LOGGED")


@pytest.mark.parametrize("refreeze", [False, True])
async def test_texts_of_tensors_are_read_as_traffic_is(
    ask: Ask, client: Client, connections: Connections, model: Model, refreeze: bool
) -> None:
    """Behind the Open Inference door categories are BYTES, and a number may be one too; a postal code may be
    a number. What no feature is named like may be a prompt, and is none."""
    kinds = {"plan": FEATURE_KIND_CATEGORICAL, "zip": FEATURE_KIND_CATEGORICAL, "age": FEATURE_KIND_NUMERIC}
    if refreeze:
        given = rpc.CreateBaselineRequest(model="churn", baseline_id="old")
        given.columns.numeric["age"].values.extend([1.0, 2.0])
        given.columns.categorical["plan"].values.extend(["basic", "gold"])
        given.columns.categorical["zip"].values.extend(["10001", "60601"])
        await ask("CreateBaseline", given)
    else:
        features = [ModelFeature(name=name, kind=kind) for name, kind in kinds.items()]
        store = ConfigStore(connections, MODELS, time.time, random.Random(4))
        await store.update(model.name, lambda one: one.signature.features.extend(features))
    sent = logging_pb2.LogPredictionRequest(time=Timestamp(seconds=int(time.time()) - AGO))
    tensors = sent.input.tensors.tensors
    tensors.add(name="plan", datatype="BYTES", shape=[3]).contents.bytes_contents.extend(
        [b"gold", b"", b"new"]
    )
    tensors.add(name="zip", datatype="INT64", shape=[3]).contents.int64_contents.extend([10001, 10001, 60601])
    tensors.add(name="age", datatype="BYTES", shape=[3]).contents.bytes_contents.extend([b"1.5", b"2", b"?"])
    tensors.add(name="note", datatype="BYTES", shape=[3]).contents.bytes_contents.extend([b"a", b"b", b"c"])
    request_of = logging_pb2.LogPredictionsRequest(model="churn", predictions=[sent])
    logged = await client.upload(SERVICE, "LogPredictions")(iter([request_of]), timeout=20)
    assert logged.logged == 1, logged
    await owner(connections, model)
    made = (await ask("CreateBaseline", request(refreeze=refreeze, activate=False))).baseline
    found = {one.name: one for one in made.features if one.role == FEATURE_ROLE_UNSPECIFIED}
    assert sorted(found) == ["age", "plan", "zip"]
    names = {
        name: dict(zip(found[name].categories, found[name].counts, strict=True)) for name in ("plan", "zip")
    }
    assert names == {"plan": {"gold": 1, "new": 1}, "zip": {"10001": 2, "60601": 1}}
    assert (found["plan"].missing, found["age"].missing) == (1, 1)
    assert (found["age"].min, found["age"].max, sum(found["age"].counts)) == (1.5, 2.0, 2)


@pytest.mark.parametrize("asked", ["True", "true", "TRUE"])
async def test_truths_of_segments_meet_in_any_spelling(
    ask: Ask, client: Client, connections: Connections, model: Model, asked: str
) -> None:
    """pandas writes True into a file, and who logs says true: one part of the traffic, and one baseline."""
    header = rpc.UploadBaselineHeader(model="churn", segments=["vip"])
    table = b"age,vip\n" + b"".join(b"%d,%s\n" % (age, (b"True", b"False")[age % 2]) for age in range(20, 60))
    parts = [rpc.UploadBaselineRequest(header=header), rpc.UploadBaselineRequest(data=table)]
    await client.upload(SERVICE, "UploadBaseline")(iter(parts), timeout=20)
    sent = [prediction(row) for row in range(40)]
    for place, one in enumerate(sent):
        one.segments["vip"] = ("true", "True", "false", "False")[place % 4]
    logged = logging_pb2.LogPredictionsRequest(model="churn", predictions=sent)
    await client.upload(SERVICE, "LogPredictions")(iter([logged]), timeout=20)
    await owner(connections, model)
    segment = Segment(name="vip", value=asked)
    assert (await ask("Analyze", AnalyzeRequest(model="churn", segment=segment))).result.rows == 20
    listing = logging_pb2.ListPredictionsRequest(model="churn", segment=segment, page_size=100)
    assert len((await ask("ListPredictions", listing)).predictions) == 20
    made = (await ask("CreateBaseline", request(refreeze=True, segment=segment, activate=False))).baseline
    assert (made.rows, made.segment.value) == (20, "true")


async def test_of_many_rows_the_newest_are_read(ask: Ask, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MOST_ROWS", 100)
    await log()
    made = (await ask("CreateBaseline", request())).baseline
    assert made.rows == 100
    assert "Of the window's rows only the 100 newest were read." in made.warnings


async def test_a_window_without_traffic_makes_nothing(ask: Ask, model: Model) -> None:
    with pytest.raises(RemoteError, match="no prediction of models/churn was logged") as refused:
        await ask("CreateBaseline", request())
    assert refused.value.reason == "NOTHING_LOGGED"
    await ask("CreateBaseline", creation())
    with pytest.raises(RemoteError, match="nothing was counted on models/churn/baselines/b-") as refused:
        await ask("CreateBaseline", request())
    assert refused.value.reason == "NOTHING_LOGGED"


async def test_windows_that_are_none_are_refused(ask: Ask, model: Model) -> None:
    with pytest.raises(RemoteError, match=r"window.start_time is required"):
        await ask("CreateBaseline", rpc.CreateBaselineRequest(model="churn", window=rpc.BaselineWindow()))
    wrong = request()
    wrong.window.end_time.FromSeconds(wrong.window.start_time.seconds)
    with pytest.raises(RemoteError, match=r"window.start_time must lie before window.end_time"):
        await ask("CreateBaseline", wrong)
    await ask("CreateBaseline", creation())
    with pytest.raises(RemoteError, match="score_column is None in models/churn/baselines/b-"):
        await ask("CreateBaseline", request(score_column="p"))


def freeze_counts(edges: object, values: np.ndarray) -> list[int]:
    """Counts of right-closed cells with open ends, the slow way."""
    ends = [-np.inf, *edges, np.inf]  # type: ignore[misc]
    return [int(((values > low) & (values <= high)).sum()) for low, high in pairwise(ends)]
