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
    """What drift says of one feature in one window; the list of them is ranked by drift."""

    feature: str
    status: str
    psi: float


@dataclass(frozen=True, slots=True)
class Window:
    """One drift result."""

    rows: int
    status: str
    summary: str
    features: Sequence[Shifted]


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
class Watch:
    """What became of the model that answers elsewhere: rows of its baseline, predictions logged and labelled;
    what a scheduled look said, first of which feature; the alert; events that the webhook heard, and whether
    all were signed; what detectors make of its errors; who the router would ask before and after;
    where the report is."""

    baseline: int = 0
    logged: int = 0
    labelled: int = 0
    status: str = ""
    feature: str = ""
    alert: str = ""
    heard: Sequence[str] = ()
    signed: bool = False
    concept: str = ""
    errors: str = ""
    before: str = ""
    after: str = ""
    report: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything there is at the end. `decisions` (by strategy and model), `latencies` (calls by model) and
    `accuracy` (by model) are what the metrics pages said."""

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

    def of(self, router: str, act: Act | None = None) -> list[Answer]:
        """A router's answers, in the order in which they came; those of one act, or all."""
        return [one for one in self.answers if one.router == router and act in (None, one.act)]


def final(answers: Sequence[Answer], variant: str) -> float:
    """Probability that the last decision known gave a variant; failures do not tell theirs."""
    known = [answer.probabilities for answer in answers if answer.probabilities]
    return known[-1].get(variant, 0.0) if known else math.nan
