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
# Labels that one arm loses make it look better about as fast as their loss shows. Where all failures of a
# canary went unlabelled, 83 % of trials promoted it before they were void; 5 % where a win had to exceed the
# square of the evidence for the loss as well. With arms that are alike that costs nothing measurable.
DOUBT_WEIGHT = 2.0


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
    """What a test says: the name of what is claimed, `folding.log_evidence`, its share of alpha.

    present: `folding.log_capital`, looked at in what speaks against the comparison; without it, `log_e` is.
    """

    name: str
    log_e: float
    alpha: float
    present: float | None = None

    @property
    def answered(self) -> bool:
        """Whether the claim may be acted upon."""
        return self.log_e >= -math.log(self.alpha)

    def numbers(self, needed: float | None = None) -> str:
        """The evidence beside what it takes."""
        threshold = -math.log(self.alpha) if needed is None else needed
        return f"evidence {_times(self.log_e)} of {_times(threshold)} needed"


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


def needed(alpha: float, unfair: Sequence[Question]) -> float:
    """The log of evidence for a win: 1/alpha, and more while there is doubt in the comparison itself."""
    doubts = (one.log_e if one.present is None else one.present for one in unfair)
    return DOUBT_WEIGHT * max(0.0, *doubts, 0.0) - math.log(alpha)


def _by_primary(trial: Trial) -> tuple[Verdict, str]:
    fewest = min(trial.primary.n0, trial.primary.n1)
    if not trial.primary.n0 + trial.primary.n1:
        return Verdict.HOLD, "there is no observation yet, and no data is never success"
    threshold = needed(trial.win.alpha, trial.unfair)
    found = f"{trial.win.numbers(threshold)}; {_effect(trial.primary)}"
    better = trial.win.log_e >= threshold
    if better and fewest >= trial.min_samples:
        return Verdict.WIN, f"{trial.win.name} is better: {found}"
    if trial.max_samples and fewest >= trial.max_samples:
        return _at_the_end(trial, found)
    if better:
        lacking = f"the smaller arm has {fewest:,} of {trial.min_samples:,} observations"
        return Verdict.CONTINUE, f"{trial.win.name} is better, but {lacking}"
    return Verdict.CONTINUE, f"{trial.win.name} is undecided: {found}"


def _at_the_end(trial: Trial, found: str) -> tuple[Verdict, str]:
    spent = f"each arm has its {trial.max_samples:,} observations"
    if trial.primary.effect > trial.wanted:
        return Verdict.HOLD, f"{spent} and {trial.win.name} is undecided: {found}"
    return Verdict.FUTILE, f"{spent} and no effect above {trial.wanted:+.4g} is in sight: {found}"


def _effect(estimate: Estimate) -> str:
    counts = f"{estimate.n1:,} and {estimate.n0:,} observations"
    if not estimate.n0 or not estimate.n1:
        return f"only one arm has any of its {counts}"
    means = f"{estimate.mean1:.4g} against {estimate.mean0:.4g} over {counts}"
    return f"{means}, effect {estimate.effect:+.4g} ({estimate.low:+.4g} to {estimate.high:+.4g})"


def _times(log_e: float) -> str:
    """As a multiple of the stake; beyond a million only that, for people."""
    return f"{math.exp(log_e):,.3g}" if log_e < math.log(1e6) else "more than 1,000,000"
