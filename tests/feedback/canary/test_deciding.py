"""What happens next to a canary, case by case."""

from dataclasses import replace

import pytest

from services.feedback.canary.breaker import tripped
from services.feedback.canary.deciding import SILENT, STALE_SECONDS, Kind, Memory, Move, decide, remember
from services.feedback.canary.findings import LOSS, PROMOTION, ArmSeen, Recent, Seen
from services.feedback.canary.plan import Canary, Guardrail, State
from tests.feedback.canary.plans import (
    CRITERIA,
    DECLARED,
    NOW,
    PAUSING,
    ROLLING,
    THRESHOLD,
    WORSE,
    finding,
    plan,
    seen,
    trial,
)

LATER = NOW + 61
FRESH = Memory(1, 0, settled=True)
LAST = plan(percentage=50.0, trial=trial(stage=1))


def moved(plan: Canary, what: Seen | None, now: float = LATER, memory: Memory = FRESH) -> Move | None:
    return decide(plan, memory, what, now).move


def kind(plan: Canary, what: Seen | None, now: float = LATER, memory: Memory = FRESH) -> Kind | None:
    move = moved(plan, what, now, memory)
    return move.kind if move else None


def waits(plan: Canary, what: Seen | None, now: float = LATER, memory: Memory = FRESH) -> str:
    decision = decide(plan, memory, what, now)
    assert decision.move is None
    return decision.waiting


def test_a_stage_that_is_done_leads_to_the_next_step() -> None:
    move = moved(plan(), seen())
    assert move is not None
    assert (move.kind, move.percentage) == (Kind.STEP, 25)
    assert "200 labelled predictions" in move.reason


def test_the_last_stage_with_evidence_leads_to_promotion() -> None:
    move = moved(LAST, seen(DECLARED))
    assert move is not None
    assert move.kind is Kind.PROMOTE
    assert "by more than 0.02: 0.85 against 0.8" in move.reason


def test_without_steps_the_one_stage_is_the_last() -> None:
    assert kind(plan(steps=(), percentage=10.0), seen(DECLARED)) is Kind.PROMOTE


def test_evidence_does_not_skip_a_step() -> None:
    move = moved(plan(), seen(DECLARED))
    assert move is not None
    assert (move.kind, move.percentage) == (Kind.STEP, 25)


def test_a_percentage_between_two_steps_is_of_the_lower_one() -> None:
    move = moved(plan(percentage=20.0), seen())
    assert move is not None
    assert move.percentage == 25


@pytest.mark.parametrize(
    ("told", "what", "now", "words"),
    [
        ({}, None, LATER, "evidence: nothing is known"),
        ({}, seen(labelled=9), LATER, "labels: 9 of 10"),
        ({}, seen(), NOW + 20, "time: 40 s more"),
        ({}, seen(at=LATER - 3600 - STALE_SECONDS - 1), LATER, "fresh data"),
        ({}, seen(at=0.0), LATER, "fresh data: nothing was judged yet"),
        (
            {},
            replace(seen(), canary=ArmSeen(90, 0, SILENT)),
            LATER,
            "fresh data: none of 20 predictions of the canary",
        ),
        ({}, replace(seen(), canary=ArmSeen(90, 0, SILENT - 1)), LATER, "labels: 0 of 10"),
        (
            {},
            replace(seen(), baseline=ArmSeen(90, 0, SILENT)),
            LATER,
            "fresh data: none of 20 predictions of the base",
        ),
        ({}, seen(doubts=["shares are not as logged"]), LATER, "sound evidence: shares"),
        ({"percentage": 0.0}, seen(), LATER, "traffic"),
        ({"serving": False}, seen(WORSE), LATER, "the router to be running"),
        ({"percentage": 50.0}, seen(finding(log_e=THRESHOLD - 0.01)), LATER, "evidence: 19.8 of 20"),
        ({"percentage": 50.0}, seen(), LATER, "evidence: nothing is known of the metric"),
        ({"percentage": 50.0}, seen(finding(log_e=9, samples=99)), LATER, "labels: 99 of the canary"),
        ({"percentage": 50.0, "criteria": None}, seen(), LATER, "a person: without promotion_criteria"),
        ({"trial": trial(State.PAUSED)}, seen(DECLARED), LATER, "a person: it is paused"),
        ({"trial": trial(State.HELD)}, seen(DECLARED), LATER, "a person: undecided"),
        ({"trial": trial(State.PROMOTED)}, seen(WORSE), LATER, "nothing: it is promoted"),
        ({"trial": trial(State.ROLLED_BACK)}, seen(WORSE), LATER, "nothing: it is rolled back"),
    ],
)
def test_what_is_waited_for_is_said_in_words(
    told: dict[str, object], what: Seen | None, now: float, words: str
) -> None:
    assert waits(plan(**told), what, now).startswith(words)


def test_no_label_is_never_enough_even_where_none_is_asked_for() -> None:
    free = plan(steps=(), criteria=CRITERIA._replace(min_samples=0), percentage=10.0)
    assert waits(free, seen(DECLARED, labelled=0)).startswith("labels: 0 of 1")
    assert waits(free, seen(finding(log_e=99, samples=0))).startswith("labels: 0 of the canary")


@pytest.mark.parametrize("state", [State.RUNNING, State.PAUSED, State.HELD])
def test_harm_rolls_back_in_every_state_with_traffic(state: State) -> None:
    standing = plan(trial=trial(state), percentage=50.0, guardrails=[ROLLING])
    for what in (
        seen(DECLARED, WORSE),
        seen(DECLARED, finding(ROLLING.question, THRESHOLD)),
        seen(DECLARED, recent=Recent(20, 15, 100, 0)),
        # Neither doubt nor silence stands in the way of going back.
        seen(WORSE, at=0.0, doubts=["doubtful"]),
    ):
        assert kind(standing, what) is Kind.ROLLBACK


def test_a_guardrail_that_pauses_pauses_once() -> None:
    watched = plan(guardrails=[PAUSING])
    broken = seen(finding(PAUSING.question, THRESHOLD))
    assert kind(watched, broken) is Kind.PAUSE
    assert kind(replace(watched, trial=trial(State.PAUSED)), broken) is None


def test_a_rollback_goes_before_a_pause() -> None:
    both = seen(finding(PAUSING.question, THRESHOLD), finding(ROLLING.question, THRESHOLD))
    assert kind(plan(guardrails=[PAUSING, ROLLING]), both) is Kind.ROLLBACK


@pytest.mark.parametrize(("action", "wanted"), [(True, Kind.ROLLBACK), (False, Kind.PAUSE)])
def test_an_alert_of_drift_breaks_its_guardrail(action: bool, wanted: Kind) -> None:
    watched = plan(guardrails=[Guardrail("drift", rollback=action)])
    assert kind(watched, seen(drift="alert")) is wanted
    assert kind(watched, seen(drift="warning")) is Kind.STEP
    assert kind(plan(), seen(drift="alert")) is Kind.STEP


def test_a_spent_budget_holds_what_is_undecided_and_only_that() -> None:
    budget = plan(max_samples=200)
    move = moved(budget, seen(finding(low=-0.05, high=0.05)))
    assert move is not None
    assert (move.kind, move.reason[:5]) == (Kind.HOLD, "HOLD:")
    assert kind(budget, seen(finding(), labelled=199)) is Kind.STEP
    assert kind(replace(LAST, max_samples=200), seen(DECLARED)) is Kind.PROMOTE
    futile = moved(budget, seen(finding(low=-0.05, high=0.019)))
    assert futile is not None
    assert futile.reason.startswith("FUTILE: undecided after 200 samples of 200 of each")
    assert kind(budget, None) is None


def test_point_estimates_decide_where_that_is_asked_for_and_say_what_it_costs() -> None:
    literal = plan(percentage=50.0, literal=True, guardrails=[ROLLING])
    move = moved(literal, seen(finding(excess=0.0)))
    assert move is not None
    assert move.kind is Kind.PROMOTE
    assert "76 to 80 times in 100" in move.reason
    assert kind(literal, seen(finding(log_e=99, excess=-0.001))) is None
    assert kind(literal, seen(finding(excess=0.5, samples=99))) is None
    assert kind(literal, seen(finding(ROLLING.question, excess=0.001))) is Kind.ROLLBACK
    assert kind(literal, seen(finding(ROLLING.question, excess=0.001, samples=29))) is None
    # A point estimate below the baseline's is no loss that anybody asked to act upon.
    assert kind(literal, seen(finding(LOSS, 99.0))) is None


def test_labels_of_predictions_from_before_a_stage_are_none_of_its_samples() -> None:
    second = plan(percentage=25.0, trial=trial(stage=2, since=NOW + 100))
    memory = remember(FRESH, second, seen(labelled=50, at=NOW + 50))
    assert memory == Memory(2, 50, settled=False)
    assert waits(second, seen(labelled=80, at=NOW + 50), NOW + 200, memory).startswith("labels: 0 of 10")
    memory = remember(memory, second, seen(labelled=90, at=NOW + 100))
    assert memory == Memory(2, 90, settled=True)
    memory = remember(memory, second, seen(labelled=100, at=NOW + 160))
    assert memory.mark == 90
    assert kind(second, seen(labelled=99, at=NOW + 160), NOW + 200, memory) is None
    assert kind(second, seen(labelled=100, at=NOW + 160), NOW + 200, memory) is Kind.STEP


def test_all_labels_of_a_trial_are_of_its_first_stage() -> None:
    assert remember(Memory(), plan(), None) == FRESH
    assert remember(Memory(9, 70, settled=True), plan(), seen()) == FRESH


def test_the_breaker_wants_most_of_several_and_a_baseline_that_works() -> None:
    assert tripped(Recent(10, 10, 0, 0))
    assert tripped(Recent(19, 10, 100, 20))
    assert not tripped(Recent(9, 9, 100, 0))
    assert not tripped(Recent(20, 10, 100, 0))
    assert not tripped(Recent(20, 20, 100, 50))
    assert not tripped(Recent())


def test_promotion_is_not_named_by_a_question_about_something_else() -> None:
    assert kind(LAST, seen(finding("guardrail:accuracy", 99.0))) is None
    assert PROMOTION not in {LOSS, ROLLING.question}
