"""From evidence to a verdict, with its reason in a sentence; valid however often it is asked for.

What comes first wins: a comparison that is void (INVALID), harm (LOSE: rollback pre-empts promotion), nothing
to go by (HOLD), benefit (WIN), the end of patience (FUTILE where the wanted improvement is out of sight, else
HOLD), and else CONTINUE. Both directions are tested at alpha of their own; guardrails share theirs
(`multiplicity.shared`). Reaching `max_samples` never promotes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.feedback.sequential.display import Estimate

# In all looks together, one fair comparison in a hundred is called void.
VOID_ALPHA = 0.01


class Verdict(StrEnum):
    """What to do next: keep collecting, promote, roll back, stay, stop, or mend the comparison."""

    CONTINUE = "CONTINUE"
    WIN = "WIN"
    LOSE = "LOSE"
    HOLD = "HOLD"
    FUTILE = "FUTILE"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class Question:
    """What a test says: the name of what is claimed, `folding.log_evidence`, its share of alpha."""

    name: str
    log_e: float
    alpha: float

    @property
    def answered(self) -> bool:
        """Whether the claim may be acted upon."""
        return self.log_e >= -math.log(self.alpha)

    def numbers(self) -> str:
        """The evidence against what it takes."""
        return f"evidence {_times(self.log_e)} of {_times(-math.log(self.alpha))} needed"


@dataclass(frozen=True, slots=True)
class Trial:
    """What is known of a treatment against its baseline.

    win, loss: the primary metric's tests in both directions. primary: its estimate, not flipped. unfair:
    evidence against the comparison itself ("the assignment", "missing labels"), at `VOID_ALPHA`.
    min_samples, max_samples: observations per arm before a WIN, and after which there is none; 0 for no such
    bound. wanted: the improvement that is hoped for, in the value's unit.
    """

    win: Question
    loss: Question
    primary: Estimate
    guardrails: Sequence[Question] = ()
    unfair: Sequence[Question] = ()
    wanted: float = 0.0
    min_samples: int = 0
    max_samples: int = 0


def judge(trial: Trial) -> tuple[Verdict, str]:
    """The verdict, and why."""
    for question in trial.unfair:
        if question.answered:
            return Verdict.INVALID, f"{question.name} favours an arm: {question.numbers()}"
    for question in (*trial.guardrails, trial.loss):
        if question.answered:
            return Verdict.LOSE, f"{question.name} is worse: {question.numbers()}"
    return _by_primary(trial)


def _by_primary(trial: Trial) -> tuple[Verdict, str]:
    fewest = min(trial.primary.n0, trial.primary.n1)
    if not trial.primary.n0 + trial.primary.n1:
        return Verdict.HOLD, "there is no observation yet, and no data is never success"
    found = f"{trial.win.numbers()}; {_effect(trial.primary)}"
    if trial.win.answered and fewest >= trial.min_samples:
        return Verdict.WIN, f"{trial.win.name} is better: {found}"
    if trial.max_samples and fewest >= trial.max_samples:
        return _at_the_end(trial, found)
    if trial.win.answered:
        lacking = (
            f"the smaller arm has {fewest:,} of the {trial.min_samples:,} observations that it must have"
        )
        return Verdict.CONTINUE, f"{trial.win.name} is better, but {lacking}"
    return Verdict.CONTINUE, f"{trial.win.name} is undecided: {found}"


def _at_the_end(trial: Trial, found: str) -> tuple[Verdict, str]:
    spent = f"each arm has its {trial.max_samples:,} observations"
    if trial.primary.effect > trial.wanted:
        return Verdict.HOLD, f"{spent} and {trial.win.name} is undecided: {found}"
    return Verdict.FUTILE, f"{spent} and no effect above {trial.wanted:+.4g} is in sight: {found}"


def _effect(estimate: Estimate) -> str:
    means = f"{estimate.mean1:.4g} against {estimate.mean0:.4g}"
    counts = f"{estimate.n1:,} and {estimate.n0:,} observations"
    return (
        f"{means} over {counts}, effect {estimate.effect:+.4g} ({estimate.low:+.4g} to {estimate.high:+.4g})"
    )


def _times(log_e: float) -> str:
    """As a multiple of the stake; beyond a million only that, for people."""
    return f"{math.exp(log_e):,.3g}" if log_e < math.log(1e6) else "more than 1,000,000"
