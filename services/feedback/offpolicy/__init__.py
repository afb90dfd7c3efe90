"""What a proposal would have earned, estimated from logged decisions; the first estimator is the one that is
recommended."""

from collections.abc import Callable

from services.feedback.offpolicy import (
    clipped_ips,
    direct_method,
    doubly_robust,
    ips,
    self_normalised_dr,
    snips,
)
from services.feedback.offpolicy.sample import Estimated, Sample

Estimator = Callable[[Sample], Estimated]

ESTIMATORS: dict[str, Estimator] = {
    "doubly_robust": doubly_robust.estimate,
    "self_normalised_dr": self_normalised_dr.estimate,
    "snips": snips.estimate,
    "ips": ips.estimate,
    "clipped_ips": clipped_ips.estimate,
    "direct_method": direct_method.estimate,
}
