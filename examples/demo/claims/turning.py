"""A routing policy turns away from a model that drifts."""

from examples.demo.claims.claim import Claim
from examples.demo.evidence import Evidence


def check(evidence: Evidence) -> Claim:
    """Before the look the model is asked, and after it its stand-in."""
    before, after = evidence.watch.before, evidence.watch.after
    held = (before, after) == ("cancer-elsewhere", "cancer-bayes")
    return Claim(held, f"asked before: {before or 'nobody'}; once drift('…') is alert: {after or 'nobody'}")
