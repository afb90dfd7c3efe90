"""Baselines of segments and of outputs, over a real channel: one is active per model and segment."""

from typing import Any

import pytest
from turnout.drift.v1.baseline_rpc_pb2 import (
    DeleteBaselineRequest,
    GetActiveBaselineRequest,
    GetBaselineRequest,
    ListBaselinesRequest,
    SetActiveBaselineRequest,
)
from turnout.drift.v1.feature_role_pb2 import FEATURE_ROLE_PREDICTION, FEATURE_ROLE_SCORE
from turnout.drift.v1.segment_pb2 import Segment
from turnout.router.v1.model_pb2 import Model

from services.drift import baseline_store
from services.drift.baseline_store import BaselineStore
from services.foundation.errors import RemoteError
from services.state.connection import Connections
from tests.drift.conftest import Ask, creation

# Whatever a value is, it ends neither the line that it is kept in nor the word.
EU, ODD = Segment(name="region", value="eu"), Segment(name="the plan", value='1 "x"\n2 ü\\')


def active(segment: Segment | None = None) -> GetActiveBaselineRequest:
    return GetActiveBaselineRequest(model="churn", segment=segment)


async def test_each_segment_has_an_active_baseline_of_its_own(ask: Ask, model: Model) -> None:
    await ask("CreateBaseline", creation(baseline_id="all"))
    await ask("CreateBaseline", creation(baseline_id="eu", segment=EU))
    await ask("CreateBaseline", creation(baseline_id="odd", segment=ODD))
    for segment, own in [(None, "all"), (EU, "eu"), (ODD, "odd")]:
        found = (await ask("GetActiveBaseline", active(segment))).baseline
        assert (found.name, found.active) == (f"models/churn/baselines/{own}", True)
        assert found.segment == (segment or Segment())


async def test_activating_concerns_one_segment_only(ask: Ask, model: Model) -> None:
    await ask("CreateBaseline", creation(baseline_id="all"))
    for own in ("first", "second"):
        await ask("CreateBaseline", creation(baseline_id=own, segment=EU))
    back = SetActiveBaselineRequest(model="churn", baseline_id="first")
    assert (await ask("SetActiveBaseline", back)).baseline.active
    listed = (await ask("ListBaselines", ListBaselinesRequest(model="churn"))).baselines
    assert [(one.name.rpartition("/")[2], one.active) for one in listed] == [
        ("second", False),
        ("first", True),
        ("all", True),
    ]
    some = (await ask("ListBaselines", ListBaselinesRequest(model="churn", segment=EU))).baselines
    assert [one.name.rpartition("/")[2] for one in some] == ["second", "first"]


async def test_a_segment_without_baseline_says_how_to_make_one(ask: Ask, model: Model) -> None:
    await ask("CreateBaseline", creation(segment=EU))
    with pytest.raises(
        RemoteError, match=r"region = 'us'; make one with CreateBaseline.*region = 'eu'"
    ) as no:
        await ask("GetActiveBaseline", active(Segment(name="region", value="us")))
    assert no.value.reason == "BASELINE_NOT_FOUND"
    with pytest.raises(RemoteError, match="has no active baseline; create one first"):
        await ask("GetActiveBaseline", active())


async def test_only_so_many_segments_are_profiled(
    ask: Ask, model: Model, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baseline_store, "MAX_ACTIVE_SEGMENTS", 1)
    await ask("CreateBaseline", creation())
    await ask("CreateBaseline", creation(segment=EU))
    with pytest.raises(RemoteError, match="more than 1 segments") as full:
        await ask("CreateBaseline", creation(segment=ODD))
    assert full.value.code == "RESOURCE_EXHAUSTED"
    actives = (await BaselineStore(connections).actives([model.uid]))[model.uid]
    assert [segment and segment.name for segment in actives] == [None, "region"]


async def test_a_baseline_is_read_by_its_name(ask: Ask, model: Model) -> None:
    made = (await ask("CreateBaseline", creation(baseline_id="eu", segment=EU))).baseline
    assert (await ask("GetBaseline", GetBaselineRequest(name=made.name))).baseline == made
    with pytest.raises(RemoteError, match="there is no models/churn/baselines/us"):
        await ask("GetBaseline", GetBaselineRequest(name="models/churn/baselines/us"))


async def test_by_force_the_active_baseline_is_deleted_too(ask: Ask, model: Model) -> None:
    await ask("CreateBaseline", creation(baseline_id="all"))
    for own in ("first", "second"):
        await ask("CreateBaseline", creation(baseline_id=own, segment=EU))
    with pytest.raises(RemoteError, match="make another one active first"):
        await ask("DeleteBaseline", DeleteBaselineRequest(name="models/churn/baselines/second"))
    for own in ("first", "second"):
        await ask("DeleteBaseline", DeleteBaselineRequest(name=f"models/churn/baselines/{own}", force=True))
        listed = (await ask("ListBaselines", ListBaselinesRequest(model="churn"))).baselines
        assert own not in [one.name.rpartition("/")[2] for one in listed]
        assert sum(one.active for one in listed) == len(listed)
    with pytest.raises(RemoteError, match="no active baseline of the segment"):
        await ask("GetActiveBaseline", active(EU))


async def test_outputs_are_columns_with_a_role(ask: Ask, model: Model) -> None:
    request = creation(prediction_column="plan", score_column="amount")
    features = (await ask("CreateBaseline", request)).baseline.features
    roles = {feature.name: feature.role for feature in features}
    assert roles == {"age": 0, "plan": FEATURE_ROLE_PREDICTION, "amount": FEATURE_ROLE_SCORE}


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"prediction_column": "age"}, "prediction_column", "no categorical column; those are plan"),
        ({"score_column": "plan"}, "score_column", "no numeric column; those are age, amount"),
        ({"segment": Segment(value="eu")}, "segment.name", "1 to 64 characters, got 0"),
        ({"segment": Segment(name="region")}, "segment.value", "1 to 256 characters, got 0"),
        ({"segment": Segment(name="region", value="x" * 300)}, "segment.value", "got 300"),
    ],
)
async def test_what_is_no_output_or_segment_is_refused(
    ask: Ask, model: Model, wrong: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(RemoteError, match=words) as refused:
        await ask("CreateBaseline", creation(**wrong))
    assert [one.field for one in refused.value.fields] == [field]
