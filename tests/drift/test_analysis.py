"""From logged rows to a verdict, without a store: folding, merging, analysing, showing."""

from functools import reduce

import numpy as np
import pytest
from numpy.random import Generator
from turnout.drift.v1.result_pb2 import DRIFT_STATUS_ALERT, DRIFT_STATUS_INSUFFICIENT_DATA

from services.drift.analysis import analyse, summarize, warn
from services.drift.baselines import Baseline, measure_columns
from services.drift.buckets import RESOLUTIONS, cover
from services.drift.cells import MAX_NAMES, Vocabulary
from services.drift.cells.blob import Profile, empty
from services.drift.folding import add, bounded, count
from services.drift.placing import place
from services.drift.rows import Row
from services.drift.verdict import Ground, Level
from services.drift.wire_result import Analysis, write_result

NOW = 1_760_000_123.0
NAMES = ["a", "b", "c"]


def baseline() -> Baseline:
    rng = np.random.default_rng(1)
    numeric = {"age": rng.normal(40, 10, 2_000).tolist(), "amount": rng.lognormal(3, 1, 2_000).tolist()}
    rows, features = measure_columns(numeric, {"plan": rng.choice(NAMES, 2_000).tolist()}, {})
    return Baseline("b" * 32, "base", "models/m", "m" * 32, rows, features, NOW)


def rows(rng: Generator, size: int, age: float = 40.0) -> list[Row]:
    return [
        Row(
            NOW - rng.uniform(0, 3000),
            {"age": rng.normal(age, 10), "amount": rng.lognormal(3, 1)},
            {"plan": str(rng.choice(NAMES))},
        )
        for _ in range(size)
    ]


def test_the_shifted_feature_is_named_first_and_the_others_are_not() -> None:
    window = count(BASELINE, rows(np.random.default_rng(2), 500, age=50), "1-1")
    finding = analyse(BASELINE, window)
    assert finding.status is Level.ALERT
    assert finding.features[0].feature.name == "age"
    assert [one.verdict.decision for one in finding.features[1:]] == [Level.OK, Level.OK]


def test_no_shift_is_ok_and_few_rows_are_not() -> None:
    rng = np.random.default_rng(3)
    assert analyse(BASELINE, count(BASELINE, rows(rng, 500), "1-1")).status is Level.OK
    assert analyse(BASELINE, count(BASELINE, rows(rng, 20), "1-1")).status is Level.INSUFFICIENT_DATA
    assert analyse(BASELINE, empty(BASELINE.sizes)).status is Level.INSUFFICIENT_DATA


def test_a_feature_that_is_not_logged_is_neither_missing_nor_drifting() -> None:
    seen = rows(np.random.default_rng(5), 500)
    hidden = [
        Row(row.time, {"amount": row.numeric["amount"]}, {"plan": "hash:0"}, frozenset({"age", "plan"}))
        for row in seen
    ]
    finding = analyse(BASELINE, count(BASELINE, hidden, "1-1"))
    assert finding.status is Level.OK
    decided = {one.feature.name: one.verdict.decision for one in finding.features}
    assert decided == {"amount": Level.OK, "age": Level.INSUFFICIENT_DATA, "plan": Level.INSUFFICIENT_DATA}
    assert "age: not logged in 500 of 500 rows, as a router redacts it." in warn(finding)
    assert not any("missing" in one for one in warn(finding))
    half = analyse(BASELINE, count(BASELINE, hidden + seen, "1-1"))
    assert half.status is Level.OK
    assert "age: not logged in 500 of 1000 rows, as a router redacts it." in warn(half)


def test_every_resolution_counts_every_row_once() -> None:
    logged = rows(np.random.default_rng(4), 300)
    folded = add(BASELINE, {}, place({"7-0": logged}, NOW))
    whole = count(BASELINE, logged, "")
    for resolution in RESOLUTIONS:
        parts = [profile for bucket, profile in folded.items() if bucket.resolution == resolution.name]
        assert reduce(Profile.plus, parts, empty(BASELINE.sizes)) == whole
        assert all(part.last_entry == "7-0" for part in parts)


def test_profiles_of_batches_merge_to_the_profile_of_all() -> None:
    logged = rows(np.random.default_rng(5), 200)
    halves = [count(BASELINE, part, entry) for part, entry in ((logged[:90], "1-0"), (logged[90:], "2-0"))]
    assert halves[0].plus(halves[1], "2-0") == count(BASELINE, logged, "2-0")


def test_unseen_names_stay_bounded_however_many_batches_bring_them() -> None:
    batches = [
        count(BASELINE, [Row(NOW, {}, {"plan": f"{batch}-{name}"}) for name in range(600)], "1-1")
        for batch in range(3)
    ]
    total = bounded(BASELINE, reduce(Profile.plus, batches))
    plan = total.tallies(BASELINE.sizes)[2]
    assert len(plan.unseen) == MAX_NAMES
    assert plan.rows == total.rows == 1_800
    frame = BASELINE.features[2].frame
    assert isinstance(frame, Vocabulary)
    assert frame.outside(plan) == 1_800


@pytest.mark.parametrize("left", [0, 10])
def test_a_feature_that_goes_missing_is_the_worst_of_all(left: int) -> None:
    rng = np.random.default_rng(6)
    logged = [
        Row(row.time, row.numeric if place < left else {"amount": row.numeric["amount"] * 9}, row.categorical)
        for place, row in enumerate(rows(rng, 200))
    ]
    finding = analyse(BASELINE, count(BASELINE, logged, "1-1"))
    assert finding.status is Level.ALERT
    assert [one.feature.name for one in finding.features] == ["age", "amount", "plan"]
    assert finding.features[0].verdict.missingness_changed
    assert finding.features[0].verdict.decision is Level.ALERT
    assert f"2 of 3 features drift: age (missing in {1 - left / 200:.1%} of rows)" in summarize(finding)


def test_too_few_rows_are_told_of_the_side_that_has_them() -> None:
    rng = np.random.default_rng(11)
    total, features = measure_columns({"age": rng.normal(40, 10, 20).tolist()}, {}, {})
    small = Baseline("b" * 32, "base", "models/m", "m" * 32, total, features, NOW)
    logged = [Row(row.time, {"age": row.numeric["age"]}, {}) for row in rows(rng, 100)]
    assert summarize(analyse(small, count(small, logged, "1-1"))) == (
        "Too few rows to say: 20 to compare with, and at least 30 are needed per feature."
    )
    assert summarize(analyse(BASELINE, count(BASELINE, logged[:20], "1-1"))) == (
        "Too few rows to say: 20 in the window, and at least 30 are needed per feature."
    )
    hidden = [Row(row.time, {}, {}, frozenset({"age", "amount", "plan"})) for row in logged]
    assert summarize(analyse(BASELINE, count(BASELINE, hidden, "1-1"))) == (
        "Too few values to say in 100 rows; fewer than 30 values of age, amount, plan."
    )


def test_a_rare_feature_whose_values_are_all_new_is_an_alert() -> None:
    """As rare as it ever was, twenty values in a thousand rows, all of them far from what they were."""
    rng = np.random.default_rng(12)
    common = {"age": rng.normal(40, 10, 3_000)}
    rare = np.where(np.arange(3_000) % 50 == 0, rng.normal(size=3_000), np.nan)
    total, features = measure_columns({**common, "rare": rare.tolist()}, {}, {})  # type: ignore[dict-item]
    made = Baseline("b" * 32, "base", "models/m", "m" * 32, total, features, NOW)
    for mean, status, said in (
        (0.0, Level.OK, "No drift among 1 of 2 features in 1000 rows; fewer than 30 values of rare."),
        (50.0, Level.ALERT, "1 of 2 features drift: rare (20 of 20 values out of range)."),
    ):
        logged = [
            Row(
                NOW, {"age": rng.normal(40, 10)} | ({"rare": rng.normal(mean)} if place % 50 == 0 else {}), {}
            )
            for place in range(1_000)
        ]
        finding = analyse(made, count(made, logged, "1-1"))
        assert (finding.status, summarize(finding)) == (status, said)
        # What the PSI of twenty values is says nothing.
        assert finding.overall_score is not None
        assert finding.overall_score < 0.1


@pytest.mark.parametrize("size", [200, 1_000, 2_000, 4_000])
def test_more_rows_do_not_make_a_feature_that_goes_missing_ok(size: int) -> None:
    """One value in fifty is left: few of them at first, then enough to compare."""
    logged = [
        Row(row.time, row.numeric if place % 50 == 0 else {"amount": row.numeric["amount"]}, row.categorical)
        for place, row in enumerate(rows(np.random.default_rng(9), size))
    ]
    finding = analyse(BASELINE, count(BASELINE, logged, "1-1"))
    assert finding.status is Level.ALERT
    assert summarize(finding) == "1 of 3 features drift: age (missing in 98.0% of rows)."
    assert finding.features[0].verdict.ground is Ground.MISSING


def test_a_feature_that_stops_being_missing_is_told_with_both_rates() -> None:
    rng = np.random.default_rng(10)
    rare = [value if place % 2 else None for place, value in enumerate(rng.choice(NAMES, 1_000).tolist())]
    total, features = measure_columns({}, {"plan": rare}, {})
    made = Baseline("b" * 32, "base", "models/m", "m" * 32, total, features, NOW)
    there = [Row(NOW, {}, {"plan": str(rng.choice(NAMES))}) for _ in range(500)]
    finding = analyse(made, count(made, there, "1-1"))
    assert finding.status is Level.ALERT
    assert "plan (missing in 0.0% of rows, 50.0% in the baseline)" in summarize(finding)


def result(window: Profile):  # type: ignore[no-untyped-def]  # the message's type is generated
    found = analyse(BASELINE, window)
    return write_result(Analysis("r1", BASELINE, cover(NOW - 3600, NOW, NOW), found, NOW))


def test_a_result_shows_effect_and_evidence() -> None:
    shown = result(count(BASELINE, rows(np.random.default_rng(2), 500, age=50), "1-1"))
    age = shown.features[0]
    assert shown.status == DRIFT_STATUS_ALERT
    assert "age" in shown.summary
    assert age.psi > 0.2 > age.psi_null_q95
    assert 0 < age.ks <= age.ks_upper
    assert age.adjusted_p_value < 1e-10
    assert shown.overall_score == pytest.approx(np.mean([feature.psi for feature in shown.features]))


def test_a_result_without_data_has_no_numbers() -> None:
    shown = result(empty(BASELINE.sizes))
    assert shown.status == DRIFT_STATUS_INSUFFICIENT_DATA
    assert not shown.HasField("overall_score")
    assert not any(feature.HasField("psi") or feature.HasField("p_value") for feature in shown.features)


def test_unseen_categories_are_named() -> None:
    rng = np.random.default_rng(8)
    logged = [Row(row.time, row.numeric, {"plan": "gold"}) for row in rows(rng, 100)]
    plan = result(count(BASELINE, logged, "1-1")).features[0]
    assert plan.feature == "plan"
    assert list(plan.unseen_categories) == ["gold"]
    assert plan.out_of_range_share == 1.0


BASELINE = baseline()
