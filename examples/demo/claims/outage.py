"""Traffic leaves a model whose process was killed by itself: its failures eject it, and cost it rewards."""

from examples.demo.claims.claim import Claim
from examples.demo.evidence import Act, Evidence, final

ROUNDING = 1e-6


def check(evidence: Evidence) -> Claim:
    """The favourite's draws failed after the kill, and it ended with nothing, or with what exploration gives
    everyone once it is tried again."""
    cast = evidence.cast
    answers = evidence.of(cast.bandit, Act.OUTAGE)
    failed = [answer for answer in answers if answer.label is None]
    if not (answers and failed):
        return Claim(False, f"none of {len(answers)} predictions noticed that {cast.best} was killed")
    explored = cast.exploration_rate / len(cast.arms)
    allotted = final(answers, cast.best)
    how = f"(ε/k = {explored:.3f} is exploration alone)" if allotted else "(it is out for its health)"
    return Claim(
        allotted <= explored + ROUNDING,
        f"{cast.best} was killed; after {len(failed)} failures its probability fell to {allotted:.3f} {how}",
    )
