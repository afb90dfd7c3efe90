"""How much each member counts: by what was declared, by its confidence, by both, or all alike."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from services.aggregator.answers import Ballot, Floats
from services.aggregator.errors import CannotCombine

UNDECLARED = 1.0


class WeightSource(StrEnum):
    """What a weighted method weighs by."""

    EQUAL = "equal"
    DECLARED = "declared"
    CONFIDENCE = "confidence"
    DECLARED_TIMES_CONFIDENCE = "declared_times_confidence"


def shares(ballots: Sequence[Ballot], source: WeightSource | None, undeclared: WeightSource) -> Floats:
    """[members, rows], 1 in sum over the members of each row.

    Without a `source` the declared weights count where there are any, and `undeclared` where there are none.
    Raises CannotCombine where what to weigh by is missing or sums to zero.
    """
    if source is None:
        declared = any(ballot.weight is not None for ballot in ballots)
        source = WeightSource.DECLARED if declared else undeclared
    weights = np.ones((len(ballots), ballots[0].answer.rows))
    if source in (WeightSource.DECLARED, WeightSource.DECLARED_TIMES_CONFIDENCE):
        weights = weights * declared_weights(ballots)[:, None]
    if source in (WeightSource.CONFIDENCE, WeightSource.DECLARED_TIMES_CONFIDENCE):
        weights = weights * confidences(ballots)
    greatest = weights.max(axis=0)
    if not np.all(greatest > 0):
        named = ", ".join(ballot.member for ballot in ballots)
        raise CannotCombine(f"nothing to weigh by: the weights of {named} sum to 0", members=named)
    # Divided by the greatest first: the sum of huge weights could be infinite, that of tiny ones lose digits.
    scaled = weights / greatest
    return np.asarray(scaled / scaled.sum(axis=0))


def equal_shares(ballots: Sequence[Ballot]) -> Floats:
    """[members, rows], the same for all."""
    return np.full((len(ballots), ballots[0].answer.rows), 1 / len(ballots))


def declared_weights(ballots: Sequence[Ballot]) -> Floats:
    """[members]; whoever declared none has the weight that a router's variants have by default."""
    return np.array([UNDECLARED if ballot.weight is None else ballot.weight for ballot in ballots])


def confidences(ballots: Sequence[Ballot]) -> Floats:
    """[members, rows]. Raises CannotCombine naming the members that gave none."""
    known = [ballot.confidence for ballot in ballots if ballot.confidence is not None]
    if len(known) < len(ballots):
        named = ", ".join(ballot.member for ballot in ballots if ballot.confidence is None)
        said = f"{named} gave no confidence, and confidence decides here"
        raise CannotCombine(f"{said}; declare weights or use another method", members=named)
    return np.stack(known)
