"""What is known of a canary at a moment, as its rules look at it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.feedback.canary.plan import Criteria

PROMOTION, LOSS = "promotion", "loss"


class Finding(NamedTuple):
    """What the evidence says to one question.

    log_e: logarithm of the evidence for yes; threshold: what it has to reach. excess: by how much the point
    estimate is past the question's margin, in whatever unit. n0, n1: observations of baseline and canary.
    mean0 to high: for people, in the metric's unit, NaN where unknown; the effect is the canary's. expected:
    seconds until the threshold if the effect is what it looks like, at the present rate; NaN for never.
    """

    question: str
    metric: str
    log_e: float
    threshold: float
    excess: float = math.nan
    n0: int = 0
    n1: int = 0
    mean0: float = math.nan
    mean1: float = math.nan
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    expected: float = math.nan

    @property
    def declared(self) -> bool:
        """Whether the evidence suffices, however often it is looked at."""
        return self.log_e >= self.threshold


class Recent(NamedTuple):
    """Drawn predictions of the last minutes, and how many of them failed."""

    calls: int = 0
    failures: int = 0
    baseline_calls: int = 0
    baseline_failures: int = 0


class ArmSeen(NamedTuple):
    """Of one variant: observations; those with a value; those without within the horizon; failed ones."""

    decisions: int = 0
    labelled: int = 0
    missing: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """watermark: predictions up to here are judged, in seconds since 1970. findings: by question. doubts: why
    the evidence must not be acted upon, in sentences; warnings: what else is to be told. drift: status of the
    canary's model, empty where unknown."""

    watermark: float = 0.0
    baseline: ArmSeen = ArmSeen()  # noqa: RUF009  # a tuple: nobody can change the one that all share
    canary: ArmSeen = ArmSeen()  # noqa: RUF009
    findings: Mapping[str, Finding] = field(default_factory=dict)
    doubts: Sequence[str] = ()
    warnings: Sequence[str] = ()
    recent: Recent = Recent()  # noqa: RUF009
    drift: str = ""


def enough(finding: Finding, least: int) -> bool:
    """Whether both of the two have the samples that are asked for, and any at all."""
    return min(finding.n0, finding.n1) >= max(least, 1)


def is_better(finding: Finding | None, criteria: Criteria, *, literal: bool) -> bool:
    """Whether the canary may be promoted. Point estimates do where the criteria are read literally."""
    if finding is None or not enough(finding, criteria.min_samples):
        return False
    return finding.excess >= 0 if literal else finding.declared


def is_broken(finding: Finding | None, least: int, *, literal: bool) -> bool:
    """Whether a guardrail is: by evidence as soon as it is there, by point estimates after `least` samples of
    the canary."""
    if finding is None or finding.n1 < 1:
        return False
    return finding.n1 >= least and finding.excess > 0 if literal else finding.declared
