"""What a router's configuration says of its canary."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

# What a guardrail names that no feedback tells: the status of the canary's model.
DRIFT = "drift"
LABEL_HORIZON = 3600.0
ALPHA = 0.05


class State(StrEnum):
    """Where a trial stands."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    HELD = "HELD"
    PROMOTED = "PROMOTED"
    ROLLED_BACK = "ROLLED_BACK"


# In these the canary has a baseline to be compared with.
LIVE = frozenset({State.RUNNING, State.PAUSED, State.HELD})


class Step(NamedTuple):
    """A stage: percentage of traffic, and the least seconds and labelled predictions in it."""

    percentage: float
    min_seconds: float = 0.0
    min_samples: int = 0


class Criteria(NamedTuple):
    """When a canary is promoted: by how much it must be better, in the metric's unit, and the least labelled
    predictions of each of the two."""

    metric: str
    min_improvement: float = 0.0
    min_samples: int = 0


class Guardrail(NamedTuple):
    """What must not happen: above max_value, or worse than the baseline by more than max_regression, in the
    metric's unit; with neither, the metric is DRIFT. rollback: else it pauses."""

    metric: str
    max_value: float | None = None
    max_regression: float | None = None
    rollback: bool = True

    @property
    def question(self) -> str:
        """How evidence names it."""
        return f"guardrail:{self.metric}"


class Transition(NamedTuple):
    """What a generation of the router did to its canary. move: as people call it; time in seconds since
    1970; baseline, canary: the two before it."""

    generation: int
    id: str
    move: str
    from_percentage: float
    to_percentage: float
    reason: str
    by: str
    time: float
    trial: int
    baseline: str
    canary: str


class Trial(NamedTuple):
    """number: the generation that the trial began with; evidence counts within one number. stage: the
    generation that the present percentage came with. begun, since: seconds since 1970. transitions: the last
    few, oldest first."""

    number: int = 0
    state: State = State.RUNNING
    stage: int = 0
    begun: float = 0.0
    since: float = 0.0
    transitions: Sequence[Transition] = ()


@dataclass(frozen=True, slots=True)
class Canary:
    """Of one generation of a router. baseline, canary: variant ids; models: of the two. label_horizon in
    seconds; max_samples of each of the two, 0 for none. serving: whether the router answers. etag: of the
    router that says this."""

    baseline: str
    canary: str
    percentage: float
    trial: Trial
    steps: Sequence[Step] = ()
    criteria: Criteria | None = None
    literal: bool = False
    guardrails: Sequence[Guardrail] = ()
    label_horizon: float = LABEL_HORIZON
    alpha: float = ALPHA
    max_samples: int = 0
    auto: bool = True
    models: Sequence[str] = ("", "")
    serving: bool = True
    etag: str = ""

    @property
    def model(self) -> str:
        """The canary's."""
        return self.models[1]

    @property
    def live(self) -> bool:
        """Whether the two are being compared."""
        return self.trial.state in LIVE and self.percentage > 0

    @property
    def step(self) -> int:
        """The step that it is at, from 0; -1 before the first one, or without steps."""
        return sum(one.percentage <= self.percentage for one in self.steps) - 1

    @property
    def stage(self) -> Step:
        """What the present stage asks for."""
        return self.steps[self.step] if self.step >= 0 else Step(self.percentage)

    @property
    def next_step(self) -> Step | None:
        """The stage after the present one; None at the last."""
        place = self.step + 1
        return self.steps[place] if place < len(self.steps) else None

    @property
    def tested(self) -> Sequence[Guardrail]:
        """Guardrails that are questions to the evidence; each gets its part of alpha."""
        return [one for one in self.guardrails if one.metric != DRIFT]
