"""How far the members of a panel agree, row by row.

A manifest's `agreement` is the share of agreeing pairs, which is not corrected for chance: it speaks of one
prediction, whose labels say nothing of how often labels agree by luck.
A manifest's `divergence` is `dispersion`, of numbers alone; how far texts and embeddings are apart is in its
`distance`, which has another unit.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from services.aggregator.alike import alike, words
from services.aggregator.answers import Ballot, Flags, Floats, Numbers, Taken, Vectors, Verdict
from services.aggregator.tolerance import EXACT, Tolerance


def agreement(ballots: Sequence[Ballot], tolerance: Tolerance = EXACT) -> Floats | None:
    """[rows]: the share of pairs of members that gave the same label, text or structure, 0 to 1.

    None below two members, and for numbers, tensors and embeddings: those differ by degree.

    >>> ballots = [Ballot(text, Text(text)) for text in ("yes", "yes", "no")]
    >>> agreement(ballots).round(3).tolist()
    [0.333]
    """
    return _share(alike([ballot.answer for ballot in ballots], tolerance))


def dispersion(ballots: Sequence[Ballot]) -> Floats | None:
    """[rows]: the standard deviation of the members' numbers, in their own unit, over these members and not
    an estimate for others (divided by n). None below two members, and where answers are no numbers.

    >>> dispersion([Ballot("a", Numbers(np.array([1.0]))), Ballot("b", Numbers(np.array([3.0])))]).tolist()
    [1.0]
    """
    values = [ballot.answer.values for ballot in ballots if isinstance(ballot.answer, Numbers)]
    if len(ballots) < 2 or len(values) < len(ballots):
        return None
    stacked = np.stack(values)
    # Divided by the greatest first: the sum of huge numbers could be infinite.
    greatest = np.maximum(np.abs(stacked).max(axis=0), np.finfo(np.float64).tiny)
    return np.asarray(np.std(stacked / greatest, axis=0) * greatest, dtype=np.float64)


def distance(ballots: Sequence[Ballot]) -> Floats | None:
    """[rows]: the mean pairwise cosine distance of the members' embeddings, see `cosine_distance`. None below
    two members, and where answers are no embeddings of one dimension."""
    values = [ballot.answer.values for ballot in ballots if isinstance(ballot.answer, Vectors)]
    same = len({each.shape for each in values}) == 1
    return cosine_distance(np.stack(values)) if same and len(values) == len(ballots) > 1 else None


def cosine_distance(vectors: Floats) -> Floats:
    """[...]: the mean over pairs of 1 - cosine of `vectors` [members, ..., dimension], two members at least;
    0 for one direction, 1 for right angles. Vectors of length 0 are at right angles to everything.

    >>> float(cosine_distance(np.array([[1.0, 0.0], [0.0, 2.0]])))
    1.0
    """
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    units = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    members = len(vectors)
    # |sum of units|^2 holds every ordered pair's cosine, and each member's own, once.
    own = np.square(units).sum(axis=(0, -1))
    cosines = (np.square(units.sum(axis=0)).sum(axis=-1) - own) / (members * (members - 1))
    return np.asarray(1 - cosines)


def dissenting(ballots: Sequence[Ballot], verdict: Verdict, tolerance: Tolerance = EXACT) -> tuple[str, ...]:
    """The members whose label, text or structure differs from the verdict's in any row, in declared order.
    Numbers, tensors and embeddings do not dissent."""
    return concord(ballots, verdict, tolerance)[1]


def concord(
    ballots: Sequence[Ballot], verdict: Verdict, tolerance: Tolerance = EXACT
) -> tuple[Floats | None, tuple[str, ...]]:
    """`agreement` and who is `dissenting`, of answers that are compared once. Raises CannotCombine for those
    that are too many and too large to compare with each other."""
    decided = verdict.answer
    reply = ballots[decided.ballot].answer if isinstance(decided, Taken) else decided
    answers = [*(ballot.answer for ballot in ballots), reply]
    if (said := words(answers, tolerance)) is not None:
        return _concord_of_a_row(ballots, said)
    same = alike(answers, tolerance)
    if same is None:
        # A meta-model's answer may be of another kind than theirs.
        return agreement(ballots, tolerance), ()
    compared = zip(ballots, same[-1], strict=False)
    dissent = tuple(ballot.member for ballot, as_reply in compared if not as_reply.all())
    return _share(same[:-1, :-1]), dissent


def _concord_of_a_row(
    ballots: Sequence[Ballot], said: Sequence[str]
) -> tuple[Floats | None, tuple[str, ...]]:
    """The same of what members and reply said to one row, in a tenth of the time: it is the common case."""
    *own, reply = said
    dissent = tuple(ballot.member for ballot, word in zip(ballots, own, strict=True) if word != reply)
    pairs = len(own) * (len(own) - 1)
    agreeing = sum(count * (count - 1) for count in Counter(own).values())
    return np.array([agreeing / pairs]) if pairs else None, dissent


def _share(same: Flags | None) -> Floats | None:
    """[rows]: the share of pairs that are the same, of [members, members, rows]; None where there is none."""
    members = 0 if same is None else len(same)
    if same is None or members < 2:
        return None
    # Ordered pairs, each member's own included; the latter always agree and are taken out again.
    pairs = same.sum(axis=(0, 1)) - members
    return np.asarray(pairs / (members * (members - 1)), dtype=np.float64)
