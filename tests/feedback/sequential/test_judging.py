import math
from dataclasses import replace

import pytest

from services.feedback.sequential.display import Estimate
from services.feedback.sequential.judging import (
    DOUBT_WEIGHT,
    VOID_ALPHA,
    Question,
    Trial,
    Verdict,
    judge,
    needed,
)

ESTIMATE = Estimate(2588, 2610, 0.900, 0.924, 0.0241, -0.001, 0.049)
NOTHING = Estimate(0, 0, math.nan, math.nan, math.nan, -1.0, 1.0)


def question(name: str, times: float, alpha: float = 0.05, present: float | None = None) -> Question:
    return Question(name, math.log(times), alpha, None if present is None else math.log(present))


QUIET = Trial(win=question("accuracy", 3.0), loss=question("accuracy", 1.2), primary=ESTIMATE)
WON = replace(QUIET, win=question("accuracy", 27.0))


def test_evidence_short_of_its_threshold_goes_on() -> None:
    verdict, reason = judge(QUIET)
    assert verdict is Verdict.CONTINUE
    assert reason == (
        "accuracy is undecided: evidence 3 of 20 needed; 0.924 against 0.9 over 2,610 and 2,588 observations,"
        " effect +0.0241 (-0.001 to +0.049)"
    )


def test_enough_evidence_wins_and_says_how_much() -> None:
    verdict, reason = judge(WON)
    assert verdict is Verdict.WIN
    assert reason.startswith("accuracy is better: evidence 27 of 20 needed; 0.924 against 0.9")


def test_harm_goes_before_benefit() -> None:
    verdict, reason = judge(replace(WON, loss=question("accuracy", 21.0)))
    assert (verdict, reason) == (Verdict.LOSE, "accuracy is worse: evidence 21 of 20 needed")


def test_a_guardrail_is_declared_at_its_own_share_of_alpha() -> None:
    guardrails = [question("error_rate", 1.0, 0.025), question("latency", 39.0, 0.025)]
    assert judge(replace(WON, guardrails=guardrails))[0] is Verdict.WIN
    guardrails[1] = question("latency", 41.0, 0.025)
    verdict, reason = judge(replace(WON, guardrails=guardrails))
    assert (verdict, reason) == (Verdict.LOSE, "latency is worse: evidence 41 of 40 needed")


def test_a_comparison_that_is_void_goes_before_everything() -> None:
    void = [question("assignment", 2.0, VOID_ALPHA), question("missing labels", 2e6, VOID_ALPHA)]
    verdict, reason = judge(replace(WON, loss=question("accuracy", 21.0), unfair=void))
    assert verdict is Verdict.INVALID
    assert reason == "missing labels favours an arm: evidence more than 1,000,000 of 100 needed"


def test_doubt_in_the_comparison_raises_what_a_win_takes() -> None:
    doubtful = replace(WON, unfair=[question("missing labels", 30.0, VOID_ALPHA, present=3.0)])
    verdict, reason = judge(doubtful)
    assert verdict is Verdict.CONTINUE
    assert "evidence 27 of 180 needed" in reason
    assert judge(replace(doubtful, win=question("accuracy", 181.0)))[0] is Verdict.WIN


def test_evidence_that_has_gone_again_is_no_doubt() -> None:
    gone = [question("missing labels", 30.0, VOID_ALPHA, present=0.2)]
    assert needed(0.05, gone) == pytest.approx(math.log(20.0))
    unknown = [question("missing labels", 30.0, VOID_ALPHA)]
    assert needed(0.05, unknown) == pytest.approx(math.log(20.0) + DOUBT_WEIGHT * math.log(30.0))
    assert needed(0.05, []) == pytest.approx(math.log(20.0))


def test_a_win_waits_for_the_samples_of_the_smaller_arm() -> None:
    verdict, reason = judge(replace(WON, min_samples=2600))
    assert verdict is Verdict.CONTINUE
    assert reason == "accuracy is better, but the smaller arm has 2,588 of 2,600 observations"


def test_harm_does_not_wait_for_samples() -> None:
    assert judge(replace(WON, loss=question("accuracy", 21.0), min_samples=9999))[0] is Verdict.LOSE


def test_no_data_is_never_success() -> None:
    verdict, reason = judge(replace(WON, primary=NOTHING))
    assert (verdict, reason) == (Verdict.HOLD, "there is no observation yet, and no data is never success")


def test_one_arm_without_data_is_no_win_if_samples_are_asked_for() -> None:
    lonely = ESTIMATE._replace(n1=0)
    verdict, reason = judge(replace(QUIET, primary=lonely, min_samples=1))
    assert verdict is Verdict.CONTINUE
    assert "only one arm has any of its 0 and 2,588 observations" in reason


def test_the_end_of_patience_never_promotes() -> None:
    spent = replace(QUIET, max_samples=2588)
    verdict, reason = judge(spent)
    assert verdict is Verdict.HOLD
    assert reason.startswith("each arm has its 2,588 observations and accuracy is undecided")
    verdict, reason = judge(replace(spent, wanted=0.03))
    assert verdict is Verdict.FUTILE
    assert "no effect above +0.03 is in sight" in reason
    assert judge(replace(spent, max_samples=2589))[0] is Verdict.CONTINUE


def test_a_win_in_time_is_a_win_at_the_end_too() -> None:
    assert judge(replace(WON, max_samples=100))[0] is Verdict.WIN
