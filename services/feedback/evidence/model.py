"""Evidence as its readers see it: GetExperiment, and the canary's controller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar, NamedTuple

from services.feedback.evidence.plan import TestSpec
from services.feedback.sequential.display import Estimate
from services.feedback.sequential.seen import Floats


class ArmCount(NamedTuple):
    """Of one arm: decisions that are observations; those whose primary metric is folded; those whose value
    did not come within the horizon; drawn variants that failed; decisions that came when their minute was
    folded."""

    decisions: int = 0
    mature: int = 0
    missing: int = 0
    failures: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class Tested:
    """What a test has found. log_e: logarithm of the greatest capital; declare at log(1 / spec.alpha).
    estimate: in units of the value, which is 1 − merit where the test is flipped. state: of the sequential
    test, for what else may be asked of it."""

    __test__: ClassVar[bool] = False  # pytest would take the class for a test of its own

    spec: TestSpec
    log_e: float
    estimate: Estimate
    state: Floats = field(repr=False, compare=False)

    @property
    def declared(self) -> bool:
        """Whether the null hypothesis is refused: once it is, it stays so."""
        return self.log_e >= -log(self.spec.alpha)


class Doubt(NamedTuple):
    """Evidence against the comparison itself: logarithms of the greatest capital so far, and the present."""

    greatest: float = 0.0
    present: float = 0.0


NO_DOUBT = Doubt()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A treatment beside the baseline; tests by name."""

    treatment: str
    baseline: str
    tests: Mapping[str, Tested]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a router's arms in its present epoch.

    started: when it began. watermark: decisions up to here are folded, seen: those up to here as far as no
    label is needed; all in seconds since 1970. ratio: of the arms' counts against their logged shares.
    missing: of the missing values' arms, by (metric, treatment). segments: by name=value. units: entities
    that are remembered; full: whether there is no room for more, so that the state stands still. thinned:
    decisions left out by a draw of their units, to keep within bounds. latency: predictions by cell of their
    latency, of each arm. warnings: in sentences.
    """

    epoch: str
    started: float
    watermark: float
    seen: float
    arms: Mapping[str, ArmCount]
    comparisons: Sequence[Comparison]
    ratio: Doubt = NO_DOUBT
    missing: Mapping[tuple[str, str], Doubt] = field(default_factory=dict)
    segments: Mapping[str, Sequence[Comparison]] = field(default_factory=dict)
    units: int = 0
    full: bool = False
    thinned: int = 0
    latency: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    @property
    def srm_log_e(self) -> float:
        """Logarithm of the greatest capital against the sample ratio."""
        return self.ratio.greatest
