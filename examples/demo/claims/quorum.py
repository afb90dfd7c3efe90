"""A jury with a member that hangs answers within the member's timeout, and says who was missing."""

from examples.demo.claims.claim import Claim
from examples.demo.evidence import Act, Evidence

LEAST = 10


def check(evidence: Evidence) -> Claim:
    """Every question of the second act was answered, and those without the hanging member say so."""
    cast = evidence.cast
    answers = evidence.of(cast.jury, Act.OUTAGE)
    unanswered = [answer for answer in answers if answer.label is None]
    without = [answer for answer in answers if answer.degraded]
    hung = sum((cast.hanging, "TIMED_OUT") in answer.calls for answer in without)
    passed_over = sum(all(who != cast.hanging for who, _ in answer.calls) for answer in without)
    return Claim(
        hung > 0 and hung + passed_over >= LEAST and not unanswered,
        f"{len(answers) - len(unanswered)} of {len(answers)} were answered while {cast.hanging} hung; of the "
        f"{len(without)} manifests marked degraded {hung} say that it timed out, and {passed_over} that it "
        "was not asked, being out for its health",
    )
