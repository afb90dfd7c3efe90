"""Who earns what from a label: the rule of each kind of prediction, without any state."""

from dataclasses import replace

import pytest

from services.feedback import crediting
from services.feedback.crediting import Told
from services.feedback.measure import Measure
from services.feedback.prediction import Answer, Prediction
from services.feedback.rules import Rules
from services.state.claims import FINAL, UNITS, Claim
from services.state.labels import Pair
from services.state.outcomes import LABEL, REWARD, TRUTH, Cell

ID = "018bcfe5-69f4-7000-8591-bc64f6d89c7c"
ACCURACY = Measure("accuracy", from_truth=True)
RULES = Rules(
    "router", "routers/r", 3, 5, {"a": True, "b": True}, ACCURACY, {"accuracy": ACCURACY}, failure_units=0
)
SINGLE = Prediction(
    id=ID,
    router_uid="router",
    variant="a",
    mode="STRATEGY",
    failed=False,
    answered=True,
    classified=True,
    rows=2,
    time=1.7e9,
    answers=(Answer("models/a", ("yes", "no"), True, True),),
    chosen="a",
    policy="vip",
    served=("yes", "no"),
)
JURY = replace(
    SINGLE,
    variant="",
    chosen="",
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
    """Units by (learner, arm), of rewards and accuracies."""
    claims = crediting.truth(rules, MODELS, prediction, Told(row, label, 9, "f"))
    return {
        (claim.learner.uid, claim.report.arm): claim.report.units
        for claim in claims
        if claim.learner.measure == "accuracy" and claim.learner.uid != "router:labels"
    }


def counted(prediction: Prediction, label: str | None, row: int = 0) -> list[tuple[Cell, int]]:
    """Cell and units of each row that counts as one with truth."""
    claims = crediting.truth(RULES, MODELS, prediction, Told(row, label, 9, "f"))
    cells = [(claim.counted.cell, claim.report.units) for claim in claims if claim.counted]
    return [(cell, units) for cell, units in cells if cell.kind != REWARD]


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
    rules = replace(RULES, failure_units=77)
    assert earned(rescued, "yes", rules=rules) == {("router", "a"): 77, ("uid-b", "uid-b"): UNITS}
    first = crediting.truth(rules, MODELS, rescued, Told(0, "yes", 9, "f"))[0]
    assert first.report.observed == FINAL


def test_a_draw_that_gave_way_to_another_earns_nothing() -> None:
    hedged = replace(SINGLE, answers=(Answer("models/b", ("yes",), False),))
    assert earned(hedged, "yes") == {("uid-b", "uid-b"): UNITS}


def test_truth_is_no_reward_where_the_router_rewards_something_else() -> None:
    reward = Measure("conversion")
    conversion = replace(RULES, reward=reward, measures={"conversion": reward})
    assert earned(SINGLE, "yes", rules=conversion) == {("uid-a", "uid-a"): UNITS}


def test_a_deleted_router_leaves_its_models_measured() -> None:
    assert earned(SINGLE, "yes", rules=None) == {("uid-a", "uid-a"): UNITS}


def test_a_model_that_did_not_exist_then_is_not_measured() -> None:
    assert crediting.truth(None, {}, SINGLE, Told(0, "yes", 9, "f")) == []


def test_models_change_without_a_notice_and_arms_with_one() -> None:
    claims = crediting.truth(RULES, MODELS, SINGLE, Told(0, "yes", 9, "f"))
    assert {claim.learner.uid for claim in claims if claim.told} == {"router"}
    assert "uid-a" in {claim.learner.uid for claim in claims if not claim.told}


def test_what_is_credited_carries_the_routers_window_and_horizon() -> None:
    rules = replace(RULES, window=7, horizon=60.0)
    claim: Claim = crediting.failure(rules, replace(SINGLE, failed=True), 0)
    assert (claim.window, claim.horizon) == (7, 60.0)


@pytest.mark.parametrize("row", [0, 1])
def test_a_failure_is_one_report_per_row(row: int) -> None:
    assert crediting.failure(RULES, replace(SINGLE, failed=True), row).report.row == row


def test_a_row_with_truth_counts_for_what_was_chosen_and_who_chose_it() -> None:
    assert counted(SINGLE, "yes") == [(Cell(LABEL, variant="a", policy="vip"), UNITS)]
    pinned = replace(SINGLE, variant="", mode="PINNED")
    assert counted(pinned, "no") == [(Cell(LABEL, variant="a", policy="vip"), 0)]


def test_a_jury_is_right_where_its_reply_is() -> None:
    assert counted(JURY, "yes") == [(Cell(LABEL, policy="vip"), UNITS)]


def test_what_served_instead_is_no_answer_of_the_chosen_one() -> None:
    rescued = replace(SINGLE, failed=True, answers=(Answer("models/b", ("yes",), False),))
    assert counted(rescued, "yes") == []


def test_a_truth_that_is_no_label_is_counted_and_compared_with_nothing() -> None:
    assert counted(SINGLE, None) == [(Cell(TRUTH, variant="a", policy="vip"), 0)]
    claims = crediting.truth(RULES, MODELS, SINGLE, Told(0, None, 9, "f"))
    assert len(claims) == 1


def test_every_model_keeps_what_it_said_beside_what_was_true() -> None:
    claims = crediting.truth(RULES, MODELS, JURY, Told(0, "yes", 9, "f"))
    assert {claim.learner.uid: claim.pair for claim in claims if claim.pair} == {
        "uid-a": Pair("yes", "yes"),
        "uid-b": Pair("no", "yes"),
    }
