"""What was logged counts once, and every label finds its prediction, by whatever way it comes."""

from examples.demo.claims.claim import Claim
from examples.demo.evidence import Evidence


def check(evidence: Evidence) -> Claim:
    """All predictions lacked their truth, then none; each label was accepted; what came twice counts once."""
    watch = evidence.watch
    waiting, left = watch.unmatched
    whole = 0 < watch.logged == waiting and left == 0 and dict(watch.labels) == {"ACCEPTED": watch.logged}
    labels = ", ".join(f"{count} {status.lower()}" for status, count in watch.labels.items())
    return Claim(
        whole and watch.duplicates == 1,
        f"{watch.logged} predictions, {watch.duplicates} of which came twice; labels: {labels or 'none'}; "
        f"without one: {waiting} before, {left} after",
    )
