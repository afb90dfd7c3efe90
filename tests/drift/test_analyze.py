"""Analyze over a real channel: outputs, segments, other models, options, and what is asked wrongly."""

import random
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import result_pb2
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest, GetLatestResultRequest
from turnout.drift.v1.baseline_pb2 import CategoricalColumn, Columns, NumericColumn
from turnout.drift.v1.baseline_rpc_pb2 import CreateBaselineRequest, SetActiveBaselineRequest
from turnout.drift.v1.feature_role_pb2 import FEATURE_ROLE_PREDICTION, FEATURE_ROLE_SCORE
from turnout.drift.v1.result_pb2 import DriftResult
from turnout.drift.v1.segment_pb2 import Segment
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.inference.v1.manifest_pb2 import OUTCOME_CONTRIBUTED, OUTCOME_FAILED
from turnout.inference.v1.output_pb2 import Classification, LabelProbability, Output
from turnout.router.v1.model_pb2 import Model

from services.drift.buckets import MAX_AHEAD
from services.drift.build import handler_of
from services.drift.cells.blob import FORMAT
from services.drift.consumer import GROUP
from services.drift.wire import timestamp
from services.foundation.errors import RemoteError
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.fenced import Fence
from services.state.kinds import MODELS
from services.state.verdicts import VerdictReader
from tests.drift.conftest import Ask
from tests.drift.traffic import PARTITION, entry, prediction

ROWS = 400
LABELS = ("churn", "stay")


@pytest.fixture
async def rival(connections: Connections) -> Model:
    """Another member of the same ensemble."""
    store = ConfigStore(connections, MODELS, time.time, random.Random(4))
    return (await store.create(Model(name="models/rival"))).message


def answer(label: str, probability: float) -> Output:
    probabilities = [
        LabelProbability(label=one, probability=probability if one == label else 1 - probability)
        for one in LABELS
    ]
    return Output(classification=Classification(label=label, probabilities=probabilities))


def answered(rng: np.random.Generator, churn: float, model: str = "models/churn") -> PredictionEvent:
    """A prediction of an ensemble, as its router logs it: another member failed, this one answered. `churn`:
    the share of customers that it takes for leaving."""
    event = prediction(rng)
    event.manifest.participants[0].CopyFrom(
        type(event.manifest.participants[0])(model="models/absent", outcome=OUTCOME_FAILED)
    )
    event.manifest.participants.add(model=model, outcome=OUTCOME_CONTRIBUTED)
    label = LABELS[0] if rng.random() < churn else LABELS[1]
    event.outputs.add(participant=1, output=answer(label, float(rng.uniform(0.5, 1))))
    return event


async def log(
    connections: Connections, events: Iterable[PredictionEvent], partition: int = PARTITION
) -> None:
    """Have drift count the events, in entries of a hundred."""
    fence = Fence.of(partition, GROUP, 1)
    await connections.steady.set(fence.key, fence.token)
    packed = [event.SerializeToString() for event in events]
    entries = [
        entry(f"{time.time_ns()}-{start}", EventBatch(predictions=packed[start : start + 100]))
        for start in range(0, len(packed), 100)
    ]
    await handler_of(connections, time.time).handle(partition, fence, entries)


def creation(model: str = "churn", churn: float = 0.5, **changes: Any) -> CreateBaselineRequest:
    """A baseline of what customers are like and what the model says of them."""
    rng = np.random.default_rng(1)
    columns = Columns(
        numeric={
            "age": NumericColumn(values=rng.normal(40, 10, 1_000)),
            "probability": NumericColumn(values=rng.uniform(0.5, 1, 1_000)),
        },
        categorical={
            "plan": CategoricalColumn(values=rng.choice(["basic", "gold"], 1_000).tolist()),
            "verdict": CategoricalColumn(values=rng.choice(LABELS, 1_000, p=[churn, 1 - churn]).tolist()),
        },
    )
    given: dict[str, Any] = {"model": model, "columns": columns}
    outputs = {"prediction_column": "verdict", "score_column": "probability"}
    return CreateBaselineRequest(**(given | outputs | changes))


def by_name(result: DriftResult) -> dict[str, result_pb2.FeatureDrift]:
    return {one.feature: one for one in result.features}


async def test_a_model_that_answers_otherwise_is_told_by_its_label_mix_alone(
    connections: Connections, ask: Ask, model: Model
) -> None:
    await ask("CreateBaseline", creation())
    rng = np.random.default_rng(2)
    await log(connections, [answered(rng, 0.9) for _ in range(ROWS)])
    result = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    found = by_name(result)
    assert found["verdict"].role == FEATURE_ROLE_PREDICTION
    assert found["probability"].role == FEATURE_ROLE_SCORE
    assert result.features[0].feature == "verdict"
    assert found["verdict"].status == result_pb2.DRIFT_STATUS_ALERT
    assert {one.feature for one in result.features if one.significant} == {"verdict"}
    assert found["verdict"].rows == found["probability"].rows == result.rows == ROWS
    shares = {bar.label: bar.current_share for bar in found["verdict"].bins}
    assert shares["churn"] == pytest.approx(0.9, abs=0.06)
    assert sum(bar.current_share for bar in found["probability"].bins) == pytest.approx(1)
    # The failed member has no answer, and what it was given is nobody's drift.
    assert not result.warnings


async def test_an_answer_that_is_not_logged_is_not_missing(
    connections: Connections, ask: Ask, model: Model
) -> None:
    await ask("CreateBaseline", creation())
    rng = np.random.default_rng(3)
    events = [answered(rng, 0.5) for _ in range(ROWS)]
    for event in events[: ROWS // 2]:
        del event.outputs[:]
    await log(connections, events)
    result = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    assert result.status == result_pb2.DRIFT_STATUS_OK
    assert by_name(result)["verdict"].rows == ROWS / 2
    assert by_name(result)["verdict"].missing_share == 0
    assert any(f"verdict: not logged in {ROWS // 2} of {ROWS} rows" in one for one in result.warnings)


async def test_a_segment_is_compared_with_its_own_baseline(
    connections: Connections, ask: Ask, model: Model
) -> None:
    await ask("CreateBaseline", creation())
    rng = np.random.default_rng(4)
    north = Segment(name="region", value="north")
    with pytest.raises(RemoteError, match="region") as refused:
        await ask("Analyze", AnalyzeRequest(model="churn", segment=north))
    assert refused.value.reason == "BASELINE_NOT_FOUND"
    await ask("CreateBaseline", creation(segment=north))
    events = [answered(rng, 0.5) for _ in range(3 * ROWS)]
    for event in events[:ROWS]:
        event.segments["region"] = "north"
        event.features.numeric_features["age"] += 15
    await log(connections, events)
    part = (await ask("Analyze", AnalyzeRequest(model="churn", segment=north))).result
    assert (part.segment, part.rows, part.status) == (north, ROWS, result_pb2.DRIFT_STATUS_ALERT)
    assert part.features[0].feature == "age"
    whole = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    assert (whole.HasField("segment"), whole.rows) == (False, 3 * ROWS)


async def test_members_of_an_ensemble_are_compared_with_one_another(
    connections: Connections, ask: Ask, model: Model, rival: Model
) -> None:
    await ask("CreateBaseline", creation())
    await ask("CreateBaseline", creation("rival", churn=0.2, baseline_id="rivals"))
    rng = np.random.default_rng(5)
    await log(connections, [answered(rng, 0.5) for _ in range(ROWS)])
    mine = [answered(rng, 0.2, "models/rival") for _ in range(ROWS)]
    await log(connections, mine)
    asked = AnalyzeRequest(model="churn", reference_model="models/rival")
    result = (await ask("Analyze", asked)).result
    assert (result.reference, result.reference_model) == (rival.name, rival.name)
    assert (result.baseline, result.baseline_rows, result.rows) == ("", ROWS, ROWS)
    verdict = result.features[0]
    assert (verdict.feature, verdict.status) == ("verdict", result_pb2.DRIFT_STATUS_ALERT)
    assert verdict.chi_square_p_value < 1e-6
    assert verdict.jensen_shannon > 0.03
    # Both baselines were frozen at the same columns, so their cells are the same.
    assert by_name(result)["age"].status == result_pb2.DRIFT_STATUS_OK
    assert not by_name(result)["age"].HasField("out_of_range_p_value")


async def test_what_two_models_do_not_share_is_told_by_column(
    connections: Connections, ask: Ask, model: Model, rival: Model
) -> None:
    await ask("CreateBaseline", creation())
    other = creation("rival")
    other.columns.numeric["age"].values[0] += 1
    del other.columns.numeric["probability"]
    other.score_column = ""
    await ask("CreateBaseline", other)
    rng = np.random.default_rng(6)
    for name in (model.name, rival.name):
        await log(connections, [answered(rng, 0.5, name) for _ in range(50)])
    asked = AnalyzeRequest(model="churn", reference_model="rival")
    result = (await ask("Analyze", asked)).result
    assert {one.feature for one in result.features} == {"plan", "verdict"}
    assert result.status == result_pb2.DRIFT_STATUS_INSUFFICIENT_DATA
    assert "age, probability not compared; the other columns do not drift" in result.summary
    assert any("age: not compared" in one and "edges" in one for one in result.warnings)
    assert any("probability: not compared" in one for one in result.warnings)
    with pytest.raises(RemoteError, match="no column to compare") as refused:
        await ask("Analyze", AnalyzeRequest(model="churn", reference_model="rival", features=["age"]))
    assert [one.field for one in refused.value.fields] == ["reference_model"]


async def test_options_are_applied_and_said(connections: Connections, ask: Ask, model: Model) -> None:
    await ask("CreateBaseline", creation())
    rng = np.random.default_rng(7)
    events = [answered(rng, 0.5) for _ in range(ROWS)]
    for event in events:
        event.features.categorical_features["plan"] = "basic"
    await log(connections, events)
    usual = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    asked = AnalyzeRequest(
        model="churn",
        features=["plan", "age", "plan"],
        correction=result_pb2.CORRECTION_BONFERRONI,
        significance=0.01,
        psi_rule=result_pb2.PSI_RULE_EPSILON,
        statistics=[result_pb2.STATISTIC_KULLBACK_LEIBLER],
    )
    result = (await ask("Analyze", asked)).result
    settings = result.settings
    assert (list(settings.features), settings.significance, settings.epsilon) == (["plan", "age"], 0.01, 1e-4)
    assert settings.correction == result_pb2.CORRECTION_BONFERRONI
    assert usual.settings.correction == result_pb2.CORRECTION_BENJAMINI_HOCHBERG
    plan, before = by_name(result)["plan"], by_name(usual)["plan"]
    assert (plan.psi_rule, before.psi_rule) == ("epsilon", "half_count")
    assert plan.psi > before.psi > 0.2
    assert plan.kullback_leibler > 0
    assert not before.HasField("kullback_leibler")
    assert plan.adjusted_p_value == pytest.approx(2 * plan.p_value)
    assert (usual.looks, result.looks) == (1, 2)
    assert "2 times within 24 hours" in result.caveat
    latest = GetLatestResultRequest(model="churn", features=["age", "plan"])
    assert (await ask("GetLatestResult", latest)).result == result


async def test_only_an_analysis_of_everything_of_late_speaks_for_the_model(
    connections: Connections, ask: Ask, model: Model
) -> None:
    await ask("CreateBaseline", creation())
    await log(connections, [answered(np.random.default_rng(8), 0.95) for _ in range(ROWS)])
    routers = VerdictReader(
        connections, uid_of={model.name: model.uid}.get, now=time.time, rng=random.Random(1)
    )
    now = int(time.time())
    old = AnalyzeRequest(
        model="churn",
        start_time=Timestamp(seconds=now - 80 * 86_400),
        end_time=Timestamp(seconds=now - 40 * 86_400),
    )
    for asked in (AnalyzeRequest(model="churn", features=["age"]), old):
        await ask("Analyze", asked)
        await routers.poll()
        assert routers.get(model.name) is None
    await ask("Analyze", AnalyzeRequest(model="churn"))
    await routers.poll()
    assert routers.get(model.name) == "alert"


async def test_a_window_of_ninety_days_reads_them_all_and_an_older_one_says_what_is_gone(
    connections: Connections, ask: Ask, model: Model
) -> None:
    await ask("CreateBaseline", creation())
    rng, now = np.random.default_rng(9), int(time.time())
    events = [answered(rng, 0.5) for _ in range(180)]
    for day, event in enumerate(events):
        event.event_time.seconds = now - day * 43_000
    await log(connections, events)
    start = Timestamp(seconds=now - 90 * 86_400 + 600)
    result = (await ask("Analyze", AnalyzeRequest(model="churn", start_time=start))).result
    assert result.rows == 180
    assert not any("90 days" in one for one in result.warnings)
    asked = AnalyzeRequest(model="churn", start_time=Timestamp(seconds=now - 200 * 86_400))
    assert any("90 days" in one for one in (await ask("Analyze", asked)).result.warnings)


async def test_another_active_baseline_is_seen_at_once(
    connections: Connections, ask: Ask, model: Model
) -> None:
    for name in ("first", "second"):
        await ask("CreateBaseline", creation(baseline_id=name))
        result = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
        assert result.baseline == result.reference == f"models/churn/baselines/{name}"
    await ask("SetActiveBaseline", SetActiveBaselineRequest(model="churn", baseline_id="first"))
    result = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    assert result.baseline.endswith("/first")


async def test_a_name_that_passed_on_means_the_model_that_has_it_now(
    connections: Connections, ask: Ask, model: Model
) -> None:
    """What is read ahead for the former one is not taken for the new one's."""
    await ask("CreateBaseline", creation())
    await log(connections, [answered(np.random.default_rng(4), 0.5) for _ in range(ROWS)])
    assert (await ask("Analyze", AnalyzeRequest(model="churn"))).result.rows == ROWS
    store = ConfigStore(connections, MODELS, time.time, random.Random(5))
    await store.delete(model.name)
    await store.create(Model(name=model.name))
    with pytest.raises(RemoteError, match="no active baseline"):
        await ask("Analyze", AnalyzeRequest(model="churn"))
    await ask("CreateBaseline", creation(baseline_id="again"))
    result = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
    assert (result.rows, result.looks) == (0, 1)
    assert result.baseline.endswith("/again")


async def test_another_baseline_heals_one_whose_profiles_cannot_be_read(
    connections: Connections, ask: Ask, model: Model
) -> None:
    """The guess that the former one is active fails, and nobody is compared with it any more."""
    await ask("CreateBaseline", creation(baseline_id="first"))
    await log(connections, [answered(np.random.default_rng(6), 0.5) for _ in range(ROWS)])
    assert (await ask("Analyze", AnalyzeRequest(model="churn"))).result.rows == ROWS
    # All of them: an hour that is over is read as one.
    async for key in connections.steady.scan_iter("turnout:*:profile:*:*:*"):
        await connections.steady.setrange(key, 0, FORMAT.to_bytes(2, "little") + b"\x09")
    for _ in range(2):
        with pytest.raises(RemoteError) as broken:
            await ask("Analyze", AnalyzeRequest(model="churn"))
        assert broken.value.code == "INTERNAL"
    await ask("CreateBaseline", creation(baseline_id="second"))
    for _ in range(2):
        result = (await ask("Analyze", AnalyzeRequest(model="churn"))).result
        assert (result.baseline.rpartition("/")[2], result.rows) == ("second", 0)


async def test_a_router_that_comes_later_is_seen_at_once(
    connections: Connections, ask: Ask, model: Model
) -> None:
    """Where profiles were at the last reading is remembered, and not taken for all there are."""
    await ask("CreateBaseline", creation())
    for place, seen in ((PARTITION, ROWS), (PARTITION + 1, 2 * ROWS), (PARTITION, 3 * ROWS)):
        await log(connections, [answered(np.random.default_rng(seen), 0.5) for _ in range(ROWS)], place)
        assert (await ask("Analyze", AnalyzeRequest(model="churn"))).result.rows == seen


async def test_a_window_that_ends_in_the_future_is_told_to_end_now(ask: Ask, model: Model) -> None:
    await ask("CreateBaseline", creation())
    asked = AnalyzeRequest(model="churn", start_time=timestamp(time.time() - 3600), end_time=TOMORROW)
    told = list((await ask("Analyze", asked)).result.warnings)
    assert told[0].startswith("The window ends in the future: what is counted ends with the analysis, at 2")
    asked.end_time.FromSeconds(int(time.time() + MAX_AHEAD))
    assert not (await ask("Analyze", asked)).result.warnings


# Longer than any run of the tests takes.
TOMORROW = timestamp(time.time() + 86_400)
WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "no such correction": ({"correction": 7}, "correction", "CORRECTION_BONFERRONI"),
    "no such rule": ({"psi_rule": 9}, "psi_rule", "PSI_RULE_HALF_COUNT"),
    "no such statistic": ({"statistics": [1, 0]}, "statistics[1]", "STATISTIC_KULLBACK_LEIBLER"),
    "no level": ({"significance": 0.0}, "significance", "above 0"),
    "a level of a coin": ({"significance": 0.6}, "significance", "at most 0.5"),
    "a level that is no number": ({"significance": float("nan")}, "significance", "above 0"),
    "an epsilon without its rule": ({"epsilon": 1e-4}, "epsilon", "PSI_RULE_EPSILON"),
    "an epsilon that distorts": ({"psi_rule": 2, "epsilon": 0.5}, "epsilon", "at most 0.01"),
    "a segment without a name": ({"segment": Segment(value="x")}, "segment.name", "1 to 64 characters"),
    "itself": ({"reference_model": "models/churn"}, "reference_model", "itself"),
    "a reference with a bad name": ({"reference_model": "Ü"}, "reference_model", "lower-case"),
    "an unknown reference": ({"reference_model": "ghost"}, "", "models/ghost"),
    "a reference without a baseline": ({"reference_model": "rival"}, "", "models/rival"),
    "an unknown feature": ({"features": ["age", "size"]}, "features[1]", "'size' is no feature"),
    "a window of the future": (
        {"start_time": TOMORROW, "end_time": timestamp(2e9)},
        "start_time",
        "in the future",
    ),
    "an end of the future": ({"end_time": TOMORROW}, "end_time", "the window would begin"),
    "too many features": ({"features": [f"f{n}" for n in range(600)]}, "features", "at most 512"),
}


@pytest.mark.parametrize(("changes", "field", "said"), WRONG.values(), ids=WRONG)
async def test_what_is_asked_wrongly_is_told_by_its_field(
    ask: Ask, model: Model, rival: Model, changes: dict[str, Any], field: str, said: str
) -> None:
    await ask("CreateBaseline", creation())
    with pytest.raises(RemoteError) as refused:
        await ask("Analyze", AnalyzeRequest(model="churn", **changes))
    assert said in refused.value.message
    assert [one.field for one in refused.value.fields if field] == [field] * bool(field)
    with pytest.raises(RemoteError, match="has not been analysed"):
        await ask("GetLatestResult", GetLatestResultRequest(model="churn"))
