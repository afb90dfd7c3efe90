"""Baselines come from files, columns, counts and traffic, several of a model, and one of them is active."""

from examples.demo.claims.claim import Claim
from examples.demo.evidence import Evidence

# One for all traffic and one for each scanner; the others are made by hand.
MADE = {"file": 3, "columns": 1, "aggregates": 1, "window": 1}
ACTIVE = "training"


def check(evidence: Evidence) -> Claim:
    """As many of each source as were made; the first is still the active one."""
    sources, active = evidence.watch.sources, evidence.watch.active
    told = ", ".join(f"{count} from {source}" for source, count in sorted(sources.items()))
    return Claim(dict(sources) == MADE and active == ACTIVE, f"{told or 'none'}; active: {active or 'none'}")
