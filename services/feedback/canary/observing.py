"""Reading what a canary's rules look at, from any process."""

from collections.abc import Callable
from dataclasses import dataclass

from services.feedback.canary.findings import Seen
from services.feedback.canary.looking import RECENT_MINUTES, recent_of, seen_of
from services.feedback.canary.plan import DRIFT, Canary
from services.feedback.evidence.reading import EvidenceStore
from services.feedback.rules import Rules
from services.state.buckets import MINUTE, Bucket
from services.state.traffic import TrafficStore
from services.state.verdicts import VerdictReader


@dataclass(frozen=True, slots=True)
class Observer:
    """`now` is in seconds since 1970."""

    evidence: EvidenceStore
    traffic: TrafficStore
    verdicts: VerdictReader
    now: Callable[[], float]

    async def see(self, rules: Rules, plan: Canary) -> Seen | None:
        """What is known of the router's canary. Raises StateUnavailable, NewerFormat."""
        if not plan.live:
            return None
        evidence = await self.evidence.read(rules)
        first = int(self.now() // MINUTE) - RECENT_MINUTES + 1
        buckets = [Bucket(MINUTE, (first + place) * MINUTE) for place in range(RECENT_MINUTES)]
        found = await self.traffic.read(rules.uid, buckets)
        recent = recent_of(plan, {bucket.start // MINUTE: one for bucket, one in found.items()})
        watched = any(one.metric == DRIFT for one in plan.guardrails)
        drift = (self.verdicts.get(plan.model) or "") if watched else ""
        return seen_of(plan, rules.watch, evidence, recent, drift)
