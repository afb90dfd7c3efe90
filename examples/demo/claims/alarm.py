"""A scheduled look finds the shift of a model that is only logged, raises an alert, and tells a webhook."""

from examples.demo.claims.claim import Claim
from examples.demo.elsewhere import JUDGED
from examples.demo.evidence import Evidence


def check(evidence: Evidence) -> Claim:
    """The look is in alert, of the feature that was shifted first; a signed notification says so.

    Shifted by 1.5 standard deviations the PSI of 300 rows against 200 is above 1; the alert begins at 0.2.
    """
    watch = evidence.watch
    held = watch.status == "ALERT" and watch.feature == JUDGED and bool(watch.alert)
    told = set(watch.heard) == {"firing"} and watch.signed
    said = watch.alert or f"no alert; the look said {watch.status or 'nothing'}"
    heard = f"the webhook heard {', '.join(watch.heard) or 'nothing'}{', signed' if watch.signed else ''}"
    rows = f"baseline of {watch.baseline} rows of a file, {watch.logged} predictions logged"
    return Claim(held and told and bool(watch.report), f"{rows}; {said} {heard}; report: {watch.report}")
