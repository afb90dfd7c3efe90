"""What all predictions of this process share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from services.aggregator.answers import Ballot, Verdict
from services.aggregator.effort import Effort
from services.aggregator.plan import Plan
from services.aggregator.roster import Find
from services.aggregator.watch import Watch


class Panel(NamedTuple):
    """A jury that has come to a verdict. `costs` by variant, None where unknown, in `currency`. `full`:
    everybody was asked and nobody was cut off, so that it may be learnt from; `sampled`: it asked everybody
    for that purpose."""

    router: str
    prediction_id: str
    plan: Plan
    ballots: Sequence[Ballot]
    verdict: Verdict
    costs: Mapping[str, float | None]
    currency: str
    full: bool
    sampled: bool


class Observer(Protocol):
    """Whoever learns from panels. Called on the way of every prediction: it must neither wait nor raise."""

    def panel(self, panel: Panel) -> None: ...


class Nobody:
    """Learns nothing."""

    def panel(self, panel: Panel) -> None:
        """Pass over it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where models are found; the calls in flight; the instruments; and who learns from panels."""

    find: Find
    watch: Watch
    effort: Effort = field(default_factory=Effort)
    observer: Observer = field(default_factory=Nobody)
