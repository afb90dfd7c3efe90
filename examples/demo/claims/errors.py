"""A detector notices that a model errs more than it used to, from a file of labels."""

from examples.demo.claims.claim import Claim
from examples.demo.evidence import Evidence


def check(evidence: Evidence) -> Claim:
    """Errors rise from one in eight to two in five, and it takes some tens of labels."""
    watch = evidence.watch
    labelled = sum(count for status, count in watch.labels.items() if status != "REFUSED")
    complete = 0 < labelled == watch.logged
    held = complete and watch.concept == "DRIFT"
    return Claim(held, f"{labelled} labels: {watch.errors or 'nothing was said of them'}")
