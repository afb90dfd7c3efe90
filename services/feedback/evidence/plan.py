"""What is asked of a router's arms: which metrics, compared by which tests, with which error rates.

Every test is about a merit in [0, 1] of which more is better, so that a revenue, an error rate and the
share of answers within 200 ms are asked alike. Margins are in units of the merit.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from enum import StrEnum
from typing import ClassVar

from services.feedback.measure import Measure

ALPHA = 0.05
MIN_SAMPLES = 100
# Quantiles of latency, by the names that metrics of models have too; latency alone is the last one.
QUANTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99, "latency": 0.99}
# One hour: what comes later than that after a decision is rare where labels come by themselves.
LABEL_HORIZON_SECONDS = 3600.0


class Source(StrEnum):
    """Where an observation's value comes from: what was reported, or the event of the prediction itself."""

    FEEDBACK = "feedback"
    FAILURE = "failure"
    LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as evidence sees it. measure: of feedback, its range and direction. failed: merit of a
    decision whose drawn variant failed, which nobody need report. slo_ms: of latency, what the merit is 1
    within."""

    name: str
    source: Source
    measure: Measure | None = None
    failed: float = 0.0
    slo_ms: float = 0.0

    @property
    def prompt(self) -> bool:
        """Whether the event of the prediction has its value: nobody has to be waited for."""
        return self.source is not Source.FEEDBACK

    @property
    def identity(self) -> list[object]:
        """What its values mean: another identity is another metric."""
        one = self.measure
        measure = [one.key, one.minimize, one.from_truth, one.from_record, one.repeats] if one else []
        return [self.name, self.source, self.failed, self.slo_ms, *measure]

    @property
    def width(self) -> float:
        """Of the metric's range: what a merit of 1 is in the metric's own unit."""
        return self.measure.high - self.measure.low if self.measure else 1.0


@dataclass(frozen=True, slots=True)
class TestSpec:
    """A question about a treatment and the baseline.

    metric: key in `Watch.metrics`. kind, margin: of `sequential.questions.Test`. flip: whether values are 1
    − merit, so that the alternative is "worse by more than margin", or, of kind "level", "above margin".
    alpha: error rate at which it is declared.
    """

    __test__: ClassVar[bool] = False  # pytest would take the class for a test of its own

    name: str
    metric: str
    kind: str
    margin: float
    flip: bool
    alpha: float


@dataclass(frozen=True, slots=True)
class Watch:
    """What is kept and tested of a router's decisions.

    arms: the variants that are compared, the baseline first. by_entity: whether an entity is one observation,
    rather than each of its predictions. label_horizon: seconds after which a missing value is missed. settle:
    seconds after its end at which all events of a minute are there. segments: names of those that are told
    apart. trial: number of a canary's trial, 0 without one.
    """

    arms: Sequence[str]
    metrics: Mapping[str, Metric]
    tests: Sequence[TestSpec]
    by_entity: bool
    salt: str
    label_horizon: float
    settle: float
    segments: Sequence[str] = ()
    trial: int = 0

    @property
    def baseline(self) -> str:
        """What the others are compared with."""
        return self.arms[0]

    @property
    def labelled(self) -> bool:
        """Whether anything has to be reported."""
        return any(not one.prompt for one in self.metrics.values())

    @property
    def treatments(self) -> Sequence[str]:
        """The others."""
        return self.arms[1:]

    @property
    def epoch(self) -> str:
        """Digest of everything that evidence gathered so far would no longer speak of, were it changed.
        Weights may change (shares are logged with each decision), and error rates (they are read off the
        evidence)."""
        tests = [astuple(replace(test, alpha=0.0)) for test in self.tests]
        metrics = [self.metrics[name].identity for name in sorted(self.metrics)]
        parts = [list(self.arms), metrics, tests, self.by_entity, self.salt, list(self.segments), self.trial]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Experiment:
    """How a router's variants are compared, as its configuration says.

    min_effect: least difference worth finding, in the metric's unit; 0 for none. alpha: of all decisions
    about the primary metric together. guardrails: names of their tests. min_samples, max_samples:
    observations per arm before a decision, and after which there will be none; 0 for no such end.
    """

    primary_metric: str
    min_effect: float = 0.0
    alpha: float = ALPHA
    guardrails: Sequence[str] = ()
    min_samples: int = 0
    max_samples: int = 0
