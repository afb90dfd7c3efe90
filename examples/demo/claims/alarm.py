"""A scheduled look finds the shift of a model that is only logged, raises an alert, and tells a webhook."""

from examples.demo.claims.claim import Claim
from examples.demo.elsewhere import JUDGED
from examples.demo.evidence import Evidence


def check(evidence: Evidence) -> Claim:
    """The look is in alert, of the feature that was shifted first; signed notifications say so, after a
    test, and so does what a follower hears.

    Two of three rows are shifted by 1.5 standard deviations: over 200 seeds the PSI of 300 rows against 200
    was above 0.78, and that of the answers less; the alert begins at 0.2.
    """
    watch = evidence.watch
    held = watch.status == "ALERT" and watch.feature == JUDGED and bool(watch.alert)
    told = watch.heard[:1] == ["test"] and set(watch.heard[1:]) == {"firing"} and watch.signed
    told &= set(watch.followed) == {"firing"}
    said = watch.alert or f"no alert; the look said {watch.status or 'nothing'}"
    heard = f"the webhook heard {', '.join(watch.heard) or 'nothing'}{', signed' if watch.signed else ''}"
    heard += f", and a follower {', '.join(watch.followed) or 'nothing'}"
    rows = f"baseline of {watch.baseline} rows of a file, {watch.logged} predictions logged"
    return Claim(held and told and bool(watch.report), f"{rows}; {said} {heard}; report: {watch.report}")
