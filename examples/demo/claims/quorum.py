"""A jury with a member that hangs answers within the member's timeout, and says who was missing."""

from examples.demo.claims.claim import Claim
from examples.demo.evidence import Act, Evidence

LEAST = 10


def check(evidence: Evidence) -> Claim:
    """Every question of the second act was answered, and those without the hanging member say so."""
    cast = evidence.cast
    answers = evidence.of(cast.jury, Act.OUTAGE)
    unanswered = [answer for answer in answers if answer.label is None]
    without = [
        answer
        for answer in answers
        if answer.degraded and any(who == cast.hanging and what == "TIMED_OUT" for who, what in answer.calls)
    ]
    return Claim(
        len(without) >= LEAST and not unanswered,
        f"{len(answers) - len(unanswered)} of {len(answers)} were answered while {cast.hanging} hung; "
        f"{len(without)} manifests are marked degraded and say that it timed out",
    )
