"""What all predictions of this process share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from services.aggregator.answers import Ballot, Verdict
from services.aggregator.effort import Effort
from services.aggregator.plan import Plan
from services.aggregator.recipe import Recipe
from services.aggregator.roster import Find
from services.aggregator.watch import Watch


class Panel(NamedTuple):
    """Several members, and the verdict that they came to; None where somebody else made an answer of theirs.
    `costs` by variant, and `helping`, of those who helped: None where unknown, in `currency`.
    `representative`: everybody was asked whatever the answers, and nobody was cut off, so that it
    may be learnt from. `pivotal`: without whom the verdict would have been another; None where nobody
    looked. `recipe` is the one that was applied."""

    router: str
    prediction_id: str
    plan: Plan
    ballots: Sequence[Ballot]
    verdict: Verdict | None
    costs: Mapping[str, float | None]
    currency: str
    representative: bool
    recipe: Recipe
    pivotal: Sequence[str] | None
    helping: float | None = 0.0


class Observer(Protocol):
    """Whoever learns from panels. Called on the way of every prediction: it must neither wait nor raise."""

    def panel(self, panel: Panel) -> None: ...

    def walk(self, router: str, plan: Plan, *, through: bool) -> None:
        """Members were asked one after the other; `through`: down to the last."""


class Nobody:
    """Learns nothing."""

    def panel(self, panel: Panel) -> None:
        """Pass over it."""

    def walk(self, router: str, plan: Plan, *, through: bool) -> None:
        """Pass over it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where models are found; the calls in flight; the instruments; and who learns from panels."""

    find: Find
    watch: Watch
    effort: Effort = field(default_factory=Effort)
    observer: Observer = field(default_factory=Nobody)
