"""Answers that do not fit the others: whoever gave them has failed, and the rest go on without."""

from bisect import bisect_left
from collections.abc import Hashable, Sequence

from services.aggregator.answers import Answer, Calls, Structure, Tensors, Vectors, kind_of
from services.aggregator.canonical import Json
from services.aggregator.combiners.fields import LIMIT, MOST_FIELDS, most_votes
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
        _spoil(vote, said)
    return kept


def thinned(votes: Sequence[Vote]) -> tuple[list[Vote], list[Vote]]:
    """Those whose fields can be voted on one by one, and the others: whoever has the most fields goes, the
    last declared of equal ones, until the rest are few enough whoever wins which vote."""
    trees = [_tree(vote.ballot.answer) for vote in votes]
    largest = sorted(range(len(votes)), key=lambda place: (-most_votes([trees[place]]), -place))
    # By halves: each look is one at every field of all of them.
    gone = bisect_left(
        range(len(votes)),
        True,
        key=lambda count: most_votes([trees[place] for place in largest[count:]]) < MOST_FIELDS,
    )
    left = set(largest[gone:])
    return (
        [vote for place, vote in enumerate(votes) if place in left],
        [vote for place, vote in enumerate(votes) if place not in left],
    )


def leave_out(votes: Sequence[Vote]) -> None:
    """Members with too many fields have failed: with theirs nobody's could be voted on."""
    for vote in votes:
        count = most_votes([_tree(vote.ballot.answer)])
        _spoil(vote, f"malformed answer: {LIMIT}; got {count}, more than fit in with the others'")


def _spoil(vote: Vote, said: str) -> None:
    for entry in vote.entries:
        # Others may do with it.
        entry.spoilt, entry.excused = said, True


def _tree(answer: Answer) -> Json:
    """What is voted on by field: a structure, or the arguments of calls."""
    if isinstance(answer, Calls):
        return {str(place): call.arguments for place, call in enumerate(answer.calls)}
    return answer.value if isinstance(answer, Structure) else None


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
