"""Criteria read as point estimates: what `evidence: LITERAL` asks for, and what it costs.

There is no error rate here. Looked at after each of 20,000 predictions, two identical models of 90 % accuracy
are told apart in four of five trials (`tests/feedback/sequential/test_conformance.py` measures it).
"""

from services.feedback.sequential.display import Estimate

WARNING = (
    "evidence LITERAL compares point estimates: looked at often, it promotes a canary that is no better in "
    "about 4 of 5 trials and rolls a healthy one back in about 3 of 4; ANYTIME_VALID errs in at most alpha"
)


def better(estimate: Estimate, least_effect: float, min_samples: int) -> bool:
    """Whether the means differ by `least_effect` at least, after `min_samples` in each arm.

    By the plain difference of means, as whoever writes criteria without evidence would compute it.
    """
    enough = min(estimate.n0, estimate.n1) >= max(min_samples, 1)
    return enough and estimate.mean1 - estimate.mean0 >= least_effect
