"""A verdict needs size and evidence, and never calls silence ok."""

import pytest

from services.drift.benjamini_hochberg import adjust
from services.drift.verdict import LEAST_OUTSIDE, LEAST_ROWS, Evidence, Ground, Level, judge, psi_level


def evidence(name: str = "x", **changes: float | None) -> Evidence:
    facts = {"psi": 0.3, "p_value": 1e-9, "missing_p": 1.0, "present": 500, "rows": 500} | changes
    return Evidence(name, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("psi", "level"), [(0.0, Level.OK), (0.0999, Level.OK), (0.1, Level.WARNING), (0.2, Level.ALERT)]
)
def test_bands_begin_at_their_threshold(psi: float, level: Level) -> None:
    assert psi_level(psi) is level


def test_a_large_shift_without_evidence_is_shown_but_not_called() -> None:
    verdict = judge([evidence(p_value=0.3)])
    assert verdict.features[0].psi_level is Level.ALERT
    assert verdict.features[0].decision is Level.OK
    assert verdict.status is Level.OK


def test_evidence_without_size_is_ok() -> None:
    verdict = judge([evidence(psi=0.01)])
    assert verdict.features[0].significant
    assert verdict.status is Level.OK


def test_too_few_rows_are_never_ok() -> None:
    verdict = judge([evidence(psi=0.0, p_value=1.0, present=LEAST_ROWS - 1)])
    assert verdict.features[0].decision is Level.INSUFFICIENT_DATA
    assert verdict.status is Level.INSUFFICIENT_DATA


def test_a_model_that_was_asked_and_is_not_heard_is_never_ok() -> None:
    asked = evidence("age", psi=0.0, p_value=1.0)
    silent = evidence("label", psi=None, p_value=None, missing_p=None, present=0, rows=0, answer=True)
    assert judge([asked, silent]).status is Level.INSUFFICIENT_DATA
    # A column of questions that is seldom there says nothing of the others; and what drifts drifts.
    assert judge([asked, silent._replace(answer=False)]).status is Level.OK
    assert judge([evidence("age"), silent]).status is Level.ALERT


def test_an_answer_that_could_not_be_compared_is_never_ok() -> None:
    alike = evidence("age", psi=0.0, p_value=1.0)
    verdict = judge([alike], unheard=["score"])
    assert (verdict.status, verdict.open) == (Level.INSUFFICIENT_DATA, ("score",))
    assert judge([evidence("age")], unheard=["score"]).status is Level.ALERT


def test_few_values_that_are_surely_elsewhere_are_an_alert() -> None:
    """The test of the range is exact for any number of values."""
    crowd = [evidence(str(index), psi=0.0, p_value=1.0) for index in range(9)]
    rare = evidence("rare", psi=5.0, present=20, outside_p=1e-9)._replace(outside=20, rare=True)
    verdict = judge([rare, *crowd])
    assert verdict.status is verdict.features[0].decision is Level.ALERT
    assert (verdict.features[0].ground, verdict.features[0].range_changed) == (Ground.RANGE, True)
    # Some wild values are no shift, chance is none, and a window or a baseline of few rows says nothing.
    for spared in (
        rare._replace(outside=LEAST_OUTSIDE - 1),
        rare._replace(outside_p=0.06),
        rare._replace(rare=False),
    ):
        (one,) = judge([spared]).features
        assert (one.decision, one.range_changed) == (Level.INSUFFICIENT_DATA, False)


@pytest.mark.parametrize(
    ("share", "level"), [(0.049, Level.OK), (0.05, Level.WARNING), (0.19, Level.WARNING), (0.2, Level.ALERT)]
)
def test_a_large_share_out_of_range_counts_where_psi_sees_nothing(share: float, level: Level) -> None:
    """The outermost of PSI's bins have no outer end: what lies in them may lie anywhere beyond."""
    wild = evidence(psi=0.001, outside_p=1e-9)._replace(outside=int(share * 500), elsewhere=share)
    (certain,) = judge([wild]).features
    assert (certain.decision, certain.ground is Ground.RANGE) == (level, level is not Level.OK)
    # Chance is no news, and a few wild values are none.
    for spared in (wild._replace(outside_p=0.2), wild._replace(outside=LEAST_OUTSIDE - 1)):
        assert judge([spared]).status is Level.OK


def test_no_features_are_never_ok() -> None:
    assert judge([]).status is Level.INSUFFICIENT_DATA
    assert judge([]).overall_score is None


def test_the_status_is_the_worst_significant_band() -> None:
    verdict = judge([evidence("a", psi=0.15), evidence("b", psi=0.5, p_value=0.9), evidence("c", psi=0.0)])
    assert verdict.status is Level.WARNING


def test_the_score_is_weighted_by_importance() -> None:
    verdict = judge([evidence(psi=0.4, importance=3.0), evidence(psi=0.0, importance=1.0)])
    assert verdict.overall_score == pytest.approx(0.3)


def test_the_score_leaves_out_what_is_too_few() -> None:
    few = evidence("few", psi=9.0, present=LEAST_ROWS - 1)
    assert judge([evidence(psi=0.4), few]).overall_score == pytest.approx(0.4)
    assert judge([few]).overall_score is None


def test_one_lucky_feature_among_many_is_no_discovery() -> None:
    crowd = [evidence(str(index), p_value=0.5) for index in range(19)]
    assert judge([evidence("lucky", p_value=0.04)]).features[0].significant
    assert not judge([evidence("lucky", p_value=0.04), *crowd]).features[0].significant


def test_a_feature_that_vanished_is_an_alert_though_nothing_is_left_to_compare() -> None:
    gone = evidence("gone", psi=None, p_value=None, missing_p=1e-20, present=0, vanished=True)
    verdict = judge([gone, evidence("still", psi=0.0)])
    assert verdict.features[0].missingness_changed
    assert verdict.features[0].psi_level is Level.INSUFFICIENT_DATA
    assert verdict.features[0].decision is Level.ALERT
    assert verdict.status is Level.ALERT


def test_a_feature_that_vanished_from_too_few_rows_is_no_alert() -> None:
    few = evidence(psi=None, p_value=None, missing_p=1e-20, present=0, rows=LEAST_ROWS - 1, vanished=True)
    assert judge([few]).status is Level.INSUFFICIENT_DATA


def test_a_feature_that_is_as_rare_as_it_was_is_no_alert() -> None:
    rare = evidence(psi=None, p_value=None, missing_p=0.6, present=3, vanished=True)
    assert judge([rare]).status is Level.INSUFFICIENT_DATA


@pytest.mark.parametrize(
    ("change", "level"),
    [
        (0.04, Level.OK),
        (0.05, Level.WARNING),
        (-0.19, Level.WARNING),
        (0.2, Level.ALERT),
        (-0.6, Level.ALERT),
    ],
)
@pytest.mark.parametrize("present", [LEAST_ROWS, 500])
def test_a_large_change_of_missing_values_counts_whatever_is_left(
    change: float, level: Level, present: int
) -> None:
    changed = evidence(psi=0.0, p_value=0.9, missing=change, present=present, missing_p=1e-9)
    (certain,) = judge([changed]).features
    assert (certain.decision, certain.ground is Ground.MISSING) == (level, level is not Level.OK)
    (chance,) = judge([changed._replace(missing_p=0.2)]).features
    assert (chance.decision, chance.ground) == (Level.OK, Ground.SHIFT)


def test_the_graver_of_a_shift_and_of_missing_values_decides() -> None:
    both = evidence(psi=0.3, missing=0.1, missing_p=1e-9)
    assert (judge([both]).status, judge([both]).features[0].ground) == (Level.ALERT, Ground.SHIFT)
    gone = both._replace(psi=0.15, missing=0.3)
    assert (judge([gone]).status, judge([gone]).features[0].ground) == (Level.ALERT, Ground.MISSING)


def test_a_feature_that_was_seldom_there_and_always_is_now_is_an_alert() -> None:
    come = evidence(psi=0.1, present=LEAST_ROWS - 1, missing=-0.9, missing_p=1e-9)
    assert judge([come]).status is Level.ALERT
    few = come._replace(missing=-0.01)
    assert judge([few]).features[0].decision is Level.INSUFFICIENT_DATA


def test_adjusted_p_values_are_those_of_the_paper() -> None:
    # Benjamini and Hochberg 1995, section 3.2: four of fifteen are rejected at q = 0.05.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert [q <= 0.05 for q in adjust(p)] == [True] * 4 + [False] * 11


def test_a_p_value_that_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjust([0.1, float("nan")])
