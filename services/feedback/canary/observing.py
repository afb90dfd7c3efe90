"""Reading what a canary's rules look at, from any process."""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.feedback.canary.findings import Seen
from services.feedback.canary.lately import Lately
from services.feedback.canary.looking import seen_of
from services.feedback.canary.plan import DRIFT, Canary
from services.feedback.evidence.reading import EvidenceStore
from services.feedback.rules import Rules
from services.state.pulls import PullStore
from services.state.verdicts import VerdictReader


@dataclass(frozen=True, slots=True)
class Observer:
    """`now` is in seconds since 1970."""

    evidence: EvidenceStore
    pulls: PullStore
    verdicts: VerdictReader
    now: Callable[[], float]
    lately: Lately = field(default_factory=Lately)

    async def see(self, rules: Rules, plan: Canary) -> Seen | None:
        """What is known of the router's canary. Raises StateUnavailable, NewerFormat."""
        if not plan.live:
            self.lately.forget(rules.uid)
            return None
        evidence = await self.evidence.read(rules)
        pulls = await self.pulls.read(rules.partition, rules.uid)
        recent = self.lately.of(rules.uid, plan, pulls, self.now())
        watched = any(one.metric == DRIFT for one in plan.guardrails)
        drift = (self.verdicts.get(plan.model) or "") if watched else ""
        return seen_of(plan, rules.watch, evidence, recent, drift)
