"""What a client saw and what the suite reported: all that the claims are judged by."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Act(StrEnum):
    """The parts of the story."""

    LEARNING = "learning"
    OUTAGE = "outage"
    SHIFT = "shift"


@dataclass(frozen=True, slots=True)
class Answer:
    """One prediction. `label` is None if it failed, and `error` says why; `variant` is empty for a jury.

    probabilities: of each variant, as the decision saw them. calls: each model and what became of its call.
    """

    act: Act
    router: str
    truth: str
    prediction_id: str = ""
    label: str | None = None
    variant: str = ""
    propensity: float = 0.0
    probabilities: Mapping[str, float] = field(default_factory=dict)
    calls: Sequence[tuple[str, str]] = ()
    degraded: bool = False
    error: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer was the truth."""
        return self.label == self.truth


@dataclass(frozen=True, slots=True)
class Shifted:
    """What drift says of one feature in one window; the list of them is ranked by drift. Shares are of rows
    without it, and of values out of range or in categories that were never seen, whose names are `unseen`."""

    feature: str
    status: str
    psi: float
    missing: float = 0.0
    outside: float = 0.0
    unseen: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """One drift result."""

    rows: int
    status: str
    summary: str
    features: Sequence[Shifted]

    def of(self, feature: str) -> Shifted:
        """What it says of one feature; of one that it has not, nothing."""
        return next(
            (one for one in self.features if one.feature == feature), Shifted(feature, "MISSING", 0.0)
        )


NOTHING = Window(0, "", "", ())


@dataclass(frozen=True, slots=True)
class Arm:
    """What feedback says of one arm of the bandit."""

    pulls: int
    rewards: int
    mean: float | None
    failures: int
    probability: float


@dataclass(frozen=True, slots=True)
class Cast:
    """The routers of the story and who stands in them; every variant is called like its model."""

    split: str
    weights: Mapping[str, float]
    bandit: str
    arms: Sequence[str]
    exploration_rate: float
    best: str
    jury: str
    jurors: Sequence[str]
    hanging: str
    shifted: str


@dataclass(frozen=True, slots=True)
class Note:
    """What was asked of drift, by names of RPCs, and what came of it, in a sentence."""

    asked: Sequence[str]
    said: str


@dataclass(frozen=True, slots=True)
class Looks:
    """One model from every side: before and after the shift, after it by scanner, and after it against the
    baseline that is counted beside the active one."""

    before: Window = NOTHING
    after: Window = NOTHING
    old: Window = NOTHING
    new: Window = NOTHING
    beside: Window = NOTHING


@dataclass(frozen=True, slots=True)
class Watch:
    """What became of the model that answers elsewhere.

    Rows of its baseline, how many baselines of which source it had, and which was active; predictions logged,
    and how many of them twice; how many lacked their truth before and after labels came, and what became of
    those; what a scheduled look said, first of which feature; the alert; events that the webhook heard,
    whether all were signed, and what a follower heard; what detectors make of its errors; who the router
    would ask before and after; where the report is; the RPCs that answered; all of it in sentences.
    """

    baseline: int = 0
    sources: Mapping[str, int] = field(default_factory=dict)
    active: str = ""
    logged: int = 0
    duplicates: int = 0
    unmatched: tuple[int, int] = (0, 0)
    labels: Mapping[str, int] = field(default_factory=dict)
    looks: Looks = Looks()
    status: str = ""
    feature: str = ""
    alert: str = ""
    heard: Sequence[str] = ()
    signed: bool = False
    followed: Sequence[str] = ()
    concept: str = ""
    errors: str = ""
    before: str = ""
    after: str = ""
    report: str = ""
    asked: frozenset[str] = frozenset()
    notes: Sequence[Note] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything there is at the end. `decisions` (by strategy and model), `latencies` (calls by model) and
    `accuracy` (by model) are what the metrics pages said; `jurors` what the first said beside the second."""

    cast: Cast
    answers: Sequence[Answer]
    arms: Mapping[str, Arm]
    instruments: frozenset[str]
    decisions: Mapping[tuple[str, str], float]
    latencies: Mapping[str, float]
    accuracy: Mapping[str, float]
    before: Window
    after: Window
    watch: Watch = Watch()
    jurors: Window = NOTHING

    def of(self, router: str, act: Act | None = None) -> list[Answer]:
        """A router's answers, in the order in which they came; those of one act, or all."""
        return [one for one in self.answers if one.router == router and act in (None, one.act)]


def final(answers: Sequence[Answer], variant: str) -> float:
    """Probability that the last decision known gave a variant; failures do not tell theirs."""
    known = [answer.probabilities for answer in answers if answer.probabilities]
    return known[-1].get(variant, 0.0) if known else math.nan
