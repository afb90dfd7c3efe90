"""The A/B router draws its variants with the probabilities that its weights say, and says so itself."""

from collections import Counter

from examples.demo.claims.chance import margin
from examples.demo.claims.claim import Claim
from examples.demo.evidence import Evidence

# Of a probability that is a ratio of two weights.
ROUNDING = 1e-9


def check(evidence: Evidence) -> Claim:
    """Shares within chance of the weights; propensities equal to them.

    Decisions made while one of them was out for its health, as on a machine that is busy with other things,
    say nothing of the weights; they are counted, and are not the greater part.
    """
    asked = evidence.of(evidence.cast.split)
    total = sum(evidence.cast.weights.values())
    wanted = {variant: weight / total for variant, weight in evidence.cast.weights.items()}
    answers = [one for one in asked if one.label is None or all(map(one.probabilities.get, wanted))]
    drawn = Counter(answer.variant for answer in answers)
    near = all(
        abs(drawn[variant] / max(len(answers), 1) - share) <= margin(len(answers), share)
        for variant, share in wanted.items()
    )
    served = [answer for answer in answers if answer.label is not None]
    honest = all(abs(answer.propensity - wanted[answer.variant]) <= ROUNDING for answer in served)
    told = ", ".join(
        f"{v} {drawn[v]} of {len(answers)} (weight {w:g})" for v, w in evidence.cast.weights.items()
    )
    out = len(asked) - len(answers)
    aside = f"; {out} more while one was out for its health" if out else ""
    return Claim(
        2 * len(answers) > len(asked) and near and honest,
        f"drawn: {told}{aside}" + ("" if honest else "; propensities differ"),
    )
