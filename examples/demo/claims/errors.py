"""A detector notices that a model errs more than it used to, from a file of labels."""

from examples.demo.claims.claim import Claim
from examples.demo.evidence import Evidence


def check(evidence: Evidence) -> Claim:
    """Errors rise from one in ten to nearly one in two, and it takes some tens of labels."""
    watch = evidence.watch
    complete = 0 < watch.labelled == watch.logged
    held = complete and watch.concept == "DRIFT"
    return Claim(held, f"{watch.labelled} labels of a file: {watch.errors or 'nothing was said of them'}")
