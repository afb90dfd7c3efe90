"""Who earns what from a label: the rule of each kind of prediction, without any state."""

from dataclasses import replace

import pytest

from services.feedback import crediting
from services.feedback.measure import Measure
from services.feedback.prediction import Answer, Prediction
from services.feedback.rules import Rules
from services.state.rewards import FINAL, UNITS, Claim

ID = "018bcfe5-69f4-7000-8591-bc64f6d89c7c"
ACCURACY = Measure("accuracy", from_truth=True)
RULES = Rules(
    "router", "routers/r", 3, 5, {"a": True, "b": True}, ACCURACY, {"accuracy": ACCURACY}, failure_units=0
)
SINGLE = Prediction(
    ID, "router", "a", "STRATEGY", False, True, 2, 1.7e9, (Answer("models/a", ("yes", "no"), True),)
)
JURY = replace(
    SINGLE,
    variant="",
    mode="ENSEMBLE",
    answers=(
        Answer("models/a", ("yes",), False),
        Answer("models/b", ("no",), False),
        Answer("models/b", ("yes",), False),
    ),
)
MODELS = {"models/a": "uid-a", "models/b": "uid-b"}


def earned(
    prediction: Prediction, label: str, row: int = 0, rules: Rules | None = RULES
) -> dict[tuple[str, str], int]:
    """Units by (learner, arm)."""
    claims = crediting.truth(rules, MODELS, prediction, row, label, 9, "f")
    return {(claim.learner.uid, claim.report.arm): claim.report.units for claim in claims}


def test_the_right_label_earns_one_and_another_nothing() -> None:
    assert earned(SINGLE, "yes") == {("router", "a"): UNITS, ("uid-a", "uid-a"): UNITS}
    assert earned(SINGLE, "no") == {("router", "a"): 0, ("uid-a", "uid-a"): 0}


def test_each_row_is_judged_by_its_own_label() -> None:
    assert earned(SINGLE, "no", row=1)["router", "a"] == UNITS
    assert earned(SINGLE, "no", row=2) == {}


def test_every_juror_is_measured_and_no_arm_is_credited() -> None:
    assert earned(JURY, "yes") == {("uid-a", "uid-a"): UNITS, ("uid-b", "uid-b"): UNITS // 2}


def test_a_failed_draw_earns_the_declared_reward_whatever_served_instead() -> None:
    rescued = replace(SINGLE, failed=True, answers=(Answer("models/b", ("yes",), False),))
    claims = crediting.truth(replace(RULES, failure_units=77), MODELS, rescued, 0, "yes", 9, "f")
    assert [(claim.learner.uid, claim.report.units) for claim in claims] == [("router", 77), ("uid-b", UNITS)]
    assert claims[0].report.observed == FINAL


def test_a_draw_that_gave_way_to_another_earns_nothing() -> None:
    hedged = replace(SINGLE, answers=(Answer("models/b", ("yes",), False),))
    assert earned(hedged, "yes") == {("uid-b", "uid-b"): UNITS}


def test_truth_is_no_reward_where_the_router_rewards_something_else() -> None:
    conversion = replace(RULES, reward=Measure("conversion"))
    assert earned(SINGLE, "yes", rules=conversion) == {("uid-a", "uid-a"): UNITS}


def test_a_deleted_router_leaves_its_models_measured() -> None:
    assert earned(SINGLE, "yes", rules=None) == {("uid-a", "uid-a"): UNITS}


def test_a_model_that_did_not_exist_then_is_not_measured() -> None:
    assert crediting.truth(None, {}, SINGLE, 0, "yes", 9, "f") == []


def test_models_change_without_a_notice_and_arms_with_one() -> None:
    claims = crediting.truth(RULES, MODELS, SINGLE, 0, "yes", 9, "f")
    assert [claim.told for claim in claims] == [True, False]


def test_what_is_credited_carries_the_routers_window_and_horizon() -> None:
    rules = replace(RULES, window=7, horizon=60.0)
    claim: Claim = crediting.failure(rules, replace(SINGLE, failed=True), 0)
    assert (claim.window, claim.horizon) == (7, 60.0)


@pytest.mark.parametrize("row", [0, 1])
def test_a_failure_is_one_report_per_row(row: int) -> None:
    assert crediting.failure(RULES, replace(SINGLE, failed=True), row).report.row == row
