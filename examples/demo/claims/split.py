"""The A/B router draws its variants with the probabilities that its weights say, and says so itself."""

from collections import Counter

from examples.demo.claims.chance import margin
from examples.demo.claims.claim import Claim
from examples.demo.evidence import Evidence

# Of a probability that is a ratio of two weights.
ROUNDING = 1e-9


def check(evidence: Evidence) -> Claim:
    """Shares within chance of the weights; propensities equal to them."""
    answers = evidence.of(evidence.cast.split)
    drawn = Counter(answer.variant for answer in answers)
    total = sum(evidence.cast.weights.values())
    wanted = {variant: weight / total for variant, weight in evidence.cast.weights.items()}
    near = all(
        abs(drawn[variant] / max(len(answers), 1) - share) <= margin(len(answers), share)
        for variant, share in wanted.items()
    )
    honest = all(abs(answer.propensity - wanted[answer.variant]) <= ROUNDING for answer in answers)
    told = ", ".join(
        f"{v} {drawn[v]} of {len(answers)} (weight {w:g})" for v, w in evidence.cast.weights.items()
    )
    return Claim(
        bool(answers) and near and honest, f"drawn: {told}" + ("" if honest else "; propensities differ")
    )
