"""`ensemble_model_accuracy` is what the client, who knows the truth, counts itself."""

import math

from examples.demo.claims.chance import margin
from examples.demo.claims.claim import Claim
from examples.demo.evidence import Evidence


def check(evidence: Evidence) -> Claim:
    """For every model that answers alone somewhere, gauge and count differ by no more than chance.

    They are not the same number: the gauge may rest on further rows (a jury's) and on a window of them.
    """
    said, held = [], True
    for model in dict.fromkeys((*evidence.cast.weights, *evidence.cast.arms)):
        answers = [one for one in evidence.answers if one.variant == model and one.label is not None]
        counted = sum(one.right for one in answers) / max(len(answers), 1)
        # One more row than was counted may move a small sample by that much.
        room = margin(len(answers), counted) + 1 / max(len(answers), 1)
        gauge = evidence.accuracy.get(model, math.nan)
        held &= abs(gauge - counted) <= room
        said.append(f"{model} {gauge:.1%} ({counted:.1%} ± {room:.1%} of {len(answers)})")
    explained = (
        "gauges (in brackets what the client counted, ± what chance allows; "
        "a juror's gauge counts its jury's rows too)"
    )
    return Claim(held, f"{explained}: {'; '.join(said)}")
