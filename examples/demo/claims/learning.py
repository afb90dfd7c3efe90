"""The bandit learns from labels which of its models is best, and sends it what exploration leaves."""

from collections import Counter

from examples.demo.claims.chance import margin
from examples.demo.claims.claim import Claim
from examples.demo.evidence import Act, Evidence, final

ROUNDING = 1e-6


def check(evidence: Evidence) -> Claim:
    """At the end of the first act the best model has the greedy probability, and the last quarter's traffic.

    The best model is right in 99 of 100 cases, the others in 86 and 82. In 8,000 simulated runs of 480
    predictions with an exploration rate of 0.2, in ticks of 48, one ended with another favourite.
    """
    cast = evidence.cast
    answers = evidence.of(cast.bandit, Act.LEARNING)
    last = answers[len(answers) * 3 // 4 :]
    if not last:
        return Claim(False, "the bandit was asked nothing")
    greedy = 1 - cast.exploration_rate + cast.exploration_rate / len(cast.arms)
    allotted = final(last, cast.best)
    share = Counter(answer.variant for answer in last)[cast.best] / len(last)
    held = abs(allotted - greedy) <= ROUNDING and share >= greedy - margin(len(last), greedy)
    return Claim(
        held,
        f"{cast.best} ended with probability {allotted:.3f} (1 − ε + ε/k = {greedy:.3f} for the best of "
        f"k = {len(cast.arms)} with exploration ε = {cast.exploration_rate:g}) and {share:.0%} of the last "
        f"{len(last)} predictions",
    )
