"""Juries end to end: router, aggregator and models, each on its own port."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from examples.fleet.columns import BREAST_CANCER, DIGITS
from examples.fleet.data import holdout
from services.foundation.errors import RemoteError
from services.state.connection import Connections
from tests.router.conftest import Desk, running_router
from tests.router.panels import running_panel
from tests.waiting import eventually

PANEL = ("cancer-logistic", "cancer-boosting", "cancer-bayes")


@pytest.fixture
async def panel(redis_url: str, connections: Connections, tmp_path: Path) -> AsyncIterator[Desk]:
    """A router with an aggregator behind it, and three doctors."""
    async with running_panel(redis_url, tmp_path, *PANEL) as desk:
        yield desk


def jury(**how: object) -> Router:
    return Router(variants=[{"model": name} for name in PANEL], ensemble=how)


def patient() -> dict[str, float]:
    rows, _ = holdout("breast-cancer", 1)
    return dict(zip(BREAST_CANCER, map(float, rows[0]), strict=True))


async def test_everybody_is_asked_and_accounted_for_once(panel: Desk) -> None:
    await panel.deploy("panel", jury(aggregation=strategy.AGGREGATION_METHOD_VOTE, full_panel_fraction=1.0))
    reply = await panel.predict("panel", patient())
    told = reply.manifest
    assert reply.output.classification.label in ("benign", "malignant")
    assert sorted(one.model for one in told.participants) == sorted(f"models/{name}" for name in PANEL)
    assert {one.role for one in told.participants} == {manifest.PARTICIPANT_ROLE_JUROR}
    assert {one.outcome for one in told.participants} == {manifest.OUTCOME_CONTRIBUTED}
    assert len({one.span_id for one in told.participants}) == 3
    assert told.decision.mode == manifest.DECISION_MODE_ENSEMBLE
    assert (told.aggregation.method, told.aggregation.quorum_wanted, told.aggregation.quorum_met) == (
        "vote",
        2,
        3,
    )
    assert told.total_cost.amount == pytest.approx(4e-4 + 9e-4 + 1e-4)
    assert told.most_expensive_member_cost.amount == pytest.approx(9e-4)
    assert not told.degraded


async def test_a_column_that_no_member_reads_is_said(panel: Desk) -> None:
    await panel.deploy("panel", jury(aggregation=strategy.AGGREGATION_METHOD_VOTE))
    told = (await panel.predict("panel", {**patient(), "mean radios": 1.0})).manifest
    assert list(told.warnings) == ["ignored, since no variant of this router reads it: 'mean radios'"]


async def test_a_jury_goes_on_without_a_dead_member_and_says_so(panel: Desk) -> None:
    await panel.deploy("panel", jury(aggregation=strategy.AGGREGATION_METHOD_AVERAGE))
    await panel.servers["cancer-bayes"].drain(grace=0)
    told = (await panel.predict("panel", patient())).manifest
    assert told.degraded
    outcomes = {one.variant: one.outcome for one in told.participants}
    assert outcomes["cancer-bayes"] == manifest.OUTCOME_FAILED
    assert outcomes["cancer-logistic"] == manifest.OUTCOME_CONTRIBUTED
    assert told.aggregation.quorum_met == 2


async def test_without_a_quorum_the_prediction_fails_with_its_id(panel: Desk) -> None:
    await panel.deploy("panel", jury(quorum=3))
    await panel.servers["cancer-bayes"].drain(grace=0)
    with pytest.raises(RemoteError) as caught:
        await panel.predict("panel", patient())
    assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "QUORUM_NOT_MET")
    assert caught.value.facts["prediction_id"] in caught.value.message


async def test_a_record_that_fits_no_member_is_the_callers_to_mend(panel: Desk) -> None:
    await panel.deploy("panel", jury())
    with pytest.raises(RemoteError) as caught:
        await panel.predict("panel", {"mean radius": "wide"})
    assert (caught.value.code, caught.value.reason) == ("INVALID_ARGUMENT", "INPUT_MISMATCH")
    assert any("mean radius" in field.field for field in caught.value.fields)


async def test_an_aggregator_that_is_gone_is_told_apart_from_its_models(
    redis_url: str, connections: Connections, tmp_path: Path
) -> None:
    async with running_router(redis_url, tmp_path, aggregator="127.0.0.1:1") as desk:
        await desk.seat(*PANEL)
        await desk.deploy("panel", jury())
        with pytest.raises(RemoteError) as caught:
            await desk.predict("panel", patient())
    assert caught.value.code == "UNAVAILABLE"
    assert "prediction_id" in caught.value.facts


async def test_a_model_that_was_registered_a_moment_ago_is_asked(panel: Desk) -> None:
    """The aggregator looks for a model that it has not been told of, instead of going on without it."""
    for name in ("digits-right", "digits-top"):
        await panel.seat(name)
    await panel.deploy(
        "digits", Router(variants=[{"model": "digits-right"}, {"model": "digits-top"}], ensemble={})
    )
    rows, _ = holdout("digits", 1)
    row = dict(zip(DIGITS, map(float, rows[0]), strict=True))
    told = (await panel.predict("digits", row)).manifest
    assert {one.outcome for one in told.participants} == {manifest.OUTCOME_CONTRIBUTED}


async def test_a_member_that_keeps_failing_is_not_asked_until_one_probe_says_that_it_is_well(
    panel: Desk,
) -> None:
    """Its failures are seen in the aggregator and counted in the router, from the reply."""
    ill = panel.servers["cancer-bayes"]
    model = registration("cancer-bayes", ill.address)
    model.name, model.served_name = "models/ill", "cancer-bayes"
    model.outlier_detection.base_ejection_time.FromMilliseconds(300)
    await panel.register(model)
    router = Router(variants=[{"model": "cancer-logistic"}, {"model": "cancer-boosting"}, {"model": "ill"}])
    router.ensemble.SetInParent()
    await panel.deploy("panel", router)
    ill.faults.set("fail")
    for _ in range(5):
        told = (await panel.predict("panel", patient())).manifest
        assert told.degraded
    ill.faults.set("ok")

    async def asked() -> list[str]:
        participants = (await panel.predict("panel", patient())).manifest.participants
        return [one.variant for one in participants if one.outcome != manifest.OUTCOME_SKIPPED]

    assert "ill" not in await asked()

    async def is_back() -> bool:
        return "ill" in await asked()

    assert await eventually(is_back)
    assert await eventually(lambda: _well(panel))


def _well(panel: Desk) -> bool:
    return panel.metrics.registry.get_sample_value("turnout_model_ejected", {"model": "models/ill"}) == 0


async def test_a_cascade_asks_the_cheapest_first_and_names_who_was_spared(panel: Desk) -> None:
    await panel.deploy("panel", jury(aggregation=strategy.AGGREGATION_METHOD_CASCADE))
    told = (await panel.predict("panel", patient())).manifest
    assert (told.aggregation.pattern, told.aggregation.rounds) == ("cascade", 1)
    assert [(one.variant, manifest.Outcome.Name(one.outcome)) for one in told.participants] == [
        ("cancer-bayes", "OUTCOME_SERVED"),
        ("cancer-logistic", "OUTCOME_SKIPPED"),
        ("cancer-boosting", "OUTCOME_SKIPPED"),
    ]
    assert told.total_cost.amount == pytest.approx(1e-4)
    assert not told.degraded
