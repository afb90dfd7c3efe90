"""Answers that do not fit the others: whoever gave them has failed, and the rest go on without."""

from collections.abc import Hashable, Sequence

from services.aggregator.answers import Answer, Tensors, Vectors, kind_of
from services.aggregator.combiners.kinds import TAKES
from services.aggregator.plan import Plan
from services.aggregator.sound import ARITHMETIC
from services.aggregator.testimony import Vote


def sifted(plan: Plan, votes: Sequence[Vote]) -> list[Vote]:
    """Those that the plan's method can combine with each other: the largest group of them, the first declared
    of equal ones. All, where those would be fewer than the quorum: then the method says what is wrong."""
    method = plan.recipe.method
    groups: dict[Hashable, list[Vote]] = {}
    for vote in votes:
        groups.setdefault(_form(vote.ballot.answer, method), []).append(vote)
    if len(groups) == 1:
        return list(votes)
    taken = [group for group in groups.values() if kind_of(group[0].ballot.answer) in TAKES[method]]
    kept = max(taken, key=len, default=[])
    if len(kept) < plan.quorum:
        return list(votes)
    wanted = _told(kept[0].ballot.answer)
    for vote in votes:
        if vote in kept:
            continue
        said = (
            f"malformed answer: {wanted} expected, as most members answered; got {_told(vote.ballot.answer)}"
        )
        for entry in vote.entries:
            # Others may do with it.
            entry.spoilt, entry.excused = said, True
    return kept


def _form(answer: Answer, method: str) -> Hashable:
    """Equal for answers that the method can combine, as far as their form says so."""
    kind = kind_of(answer)
    if method == "vote" and kind in TAKES[method]:
        return answer.rows
    if isinstance(answer, Vectors):
        return kind, answer.values.shape
    if isinstance(answer, Tensors) and method in ARITHMETIC:
        return kind, frozenset((name, one.shape, one.dtype.str) for name, one in answer.tensors.items())
    return kind, answer.rows


def _told(answer: Answer) -> str:
    """Its form, for people."""
    if isinstance(answer, Tensors):
        each = ", ".join(f"{name} {one.dtype} {list(one.shape)}" for name, one in answer.tensors.items())
        return f"tensors ({each})"
    wide = f" of {answer.values.shape[1]} dimensions" if isinstance(answer, Vectors) else ""
    return f"{kind_of(answer)}{wide}"
