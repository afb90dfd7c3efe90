"""Drift names the feature that was shifted, and did not name it before."""

from examples.demo.claims.claim import Claim
from examples.demo.evidence import Evidence, Window


def check(evidence: Evidence) -> Claim:
    """First and in alert after the shift, and not drifting before it.

    Shifted by 1.5 standard deviations the feature's PSI is about 3; without a shift it is below 0.1, and
    chance has lifted no other feature above 0.25.
    """
    feature, after = evidence.cast.shifted, evidence.after
    first = after.features[0] if after.features else None
    named = first is not None and first.feature == feature and first.status == "ALERT"
    calm = status(evidence.before, feature) == "OK"
    return Claim(
        named and calm,
        f"before: {feature} {status(evidence.before, feature)} in {evidence.before.rows} rows; after: "
        + (
            f"{first.feature} {first.status}, PSI {first.psi:.2f}, in {after.rows} rows"
            if first
            else "nothing"
        ),
    )


def status(window: Window, feature: str) -> str:
    """What the window says of the feature."""
    return next((one.status for one in window.features if one.feature == feature), "MISSING")
