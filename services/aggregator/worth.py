"""What each member is worth: would the panel have decided otherwise without it?

Counted over many panels it tells who never changes a verdict. It says nothing of who is right, and two
members that always say the same are each worth nothing while the other is there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from services.aggregator.alike import alike
from services.aggregator.answers import Answer, Ballot, Flags, Numbers, Taken, Tensors, Vectors, Verdict
from services.aggregator.errors import CannotCombine
from services.aggregator.recipe import Recipe
from services.aggregator.tolerance import EXACT, ROUNDING, Tolerance

Combine = Callable[[Sequence[Ballot], Recipe], Verdict]


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """`changed` [rows]: where the verdict is another without the member, or there is none."""

    member: str
    changed: Flags


def worth(
    ballots: Sequence[Ballot], recipe: Recipe, combine: Combine, tolerance: Tolerance = ROUNDING
) -> tuple[Worth, ...]:
    """Each member's, in declared order, of a full panel: one that was stopped early would make those look
    worthless who were not asked. Numbers change by more than `tolerance`. Raises CannotCombine if the whole
    panel has no verdict.
    """
    verdict = combine(ballots, recipe)
    return tuple(
        Worth(ballot.member, _changed(ballots, place, recipe, combine, verdict, tolerance))
        for place, ballot in enumerate(ballots)
    )


def _changed(
    ballots: Sequence[Ballot],
    place: int,
    recipe: Recipe,
    combine: Combine,
    verdict: Verdict,
    tolerance: Tolerance,
) -> Flags:
    rest = [*ballots[:place], *ballots[place + 1 :]]
    decided = _answer(ballots, verdict)
    everywhere = np.ones(len(verdict.tied), dtype=np.bool_)
    if not rest:
        return everywhere
    try:
        other = _answer(rest, combine(rest, recipe.without(place)))
    except CannotCombine:
        return everywhere
    # What the method takes as the same is no other verdict.
    near = tolerance if recipe.options.tolerance == EXACT else recipe.options.tolerance
    return ~_same(decided, other, near) & everywhere


def _answer(ballots: Sequence[Ballot], verdict: Verdict) -> Answer:
    decided = verdict.answer
    return ballots[decided.ballot].answer if isinstance(decided, Taken) else decided


def _same(left: Answer, right: Answer, tolerance: Tolerance) -> Flags:
    """[rows], or [1] for answers that have none."""
    if isinstance(left, Numbers) and isinstance(right, Numbers):
        return tolerance.same(left.values, right.values)
    if isinstance(left, Vectors) and isinstance(right, Vectors):
        return np.asarray(tolerance.same(left.values, right.values).all(axis=1))
    if isinstance(left, Tensors) and isinstance(right, Tensors):
        return np.array([_same_tensors(left, right, tolerance)])
    same = alike([left, right], tolerance)
    return np.zeros(1, dtype=np.bool_) if same is None else same[0, 1]


def _same_tensors(left: Tensors, right: Tensors, tolerance: Tolerance) -> bool:
    for name, mine in left.tensors.items():
        other = right.tensors[name]
        if mine.dtype.kind != "f":
            return bool(np.array_equal(mine, other))
        if not tolerance.same(mine.astype(np.float64), other.astype(np.float64)).all():
            return False
    return True
