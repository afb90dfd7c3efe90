"""When a plurality vote is settled before everybody has answered, and whom to ask so that it may be.

    settled  <=>  leader - runner-up > weight of all whose answer is still out, in every row,
                  and as many have answered as the quorum wants

Then no answer that is still out, and no silence, can change the label: the verdict of those who have answered
is the verdict of all who will. A label that nobody has named yet has the outstanding weight at most, which is
the case of a runner-up of 0. Only a vote can be stopped, and only where its weights are known beforehand.
"""

from collections.abc import Collection, Sequence

import numpy as np

from services.aggregator.alike import voices
from services.aggregator.answers import Answer
from services.aggregator.combiners.panel import LEVEL
from services.aggregator.recipe import Recipe
from services.aggregator.weights import UNDECLARED, WeightSource

# Shares that differ by LEVEL are level, and a level vote is decided by confidence. Twice that, of all
# weights: sums are taken in the order of arrival here, and of declaration there.
MARGIN = 2 * LEVEL


def can_stop(recipe: Recipe) -> bool:
    """Whether a count of weights that are known beforehand is the whole of the method."""
    return recipe.method == "vote" and recipe.source in (None, WeightSource.DECLARED)


class Count:
    """The votes of one panel as they come in; members are places in the declared order.

    `weights` are the declared ones, None where none was declared. Hearing a member takes microseconds. An
    answer that nobody can vote on counts as none; one for another number of rows leaves the vote unsettled,
    so that the whole panel is heard and the combiner says what is wrong.
    """

    def __init__(self, weights: Sequence[float | None], quorum: int) -> None:
        self.weights = scaled(weights)
        self.quorum = quorum
        self.answered = 0
        self.open = set(range(len(weights)))
        self._slack = MARGIN * sum(self.weights)
        self._labels: dict[str, int] = {}
        self._scores = np.zeros((0, 0))
        self._sound = True

    def hear(self, member: int, answer: Answer) -> None:
        """Count an answer. Raises KeyError for a member that was heard or missed before."""
        self.miss(member)
        if (said := voices(answer)) is None:
            return
        self.answered += 1
        if not self._scores.size:
            self._scores = np.zeros((len(said), 4))
        if len(said) != len(self._scores):
            self._sound = False
            return
        places = [self._labels.setdefault(name, len(self._labels)) for name in said]
        while len(self._labels) > self._scores.shape[1]:
            self._scores = np.concatenate([self._scores, np.zeros_like(self._scores)], axis=1)
        self._scores[np.arange(len(said)), places] += self.weights[member]

    def miss(self, member: int) -> None:
        """Nothing will come of this member: it failed, timed out, or is not to be asked. Raises KeyError as
        `hear` does."""
        self.open.remove(member)

    @property
    def outstanding(self) -> float:
        """The weight that may still be cast, of scaled weights."""
        return sum(self.weights[member] for member in self.open)

    @property
    def lead(self) -> float:
        """Leader - runner-up, in the row where it is least; 0 before anybody was heard."""
        if not self._scores.size:
            return 0.0
        # There are always four columns or more: where one label was named, the runner-up has 0.
        best = np.partition(self._scores, -2, axis=1)
        return float((best[:, -1] - best[:, -2]).min())

    @property
    def settled(self) -> bool:
        """Whether nobody who is still out can change the verdict."""
        if not self._sound or self.answered < self.quorum:
            return False
        return not self.open or self.lead > self.outstanding + self._slack

    def wave(self, asked: Collection[int], costs: Sequence[float] | None = None) -> tuple[int, ...]:
        """Whom to ask next, given who was `asked` already: the fewest that could settle the vote if they, and
        those who are asked and still out, all agreed with the leader. Nobody while the latter could do that
        alone; everybody where nobody could. Once all who were asked have answered or are missed, it names
        somebody, unless the vote is settled or nobody is left.

        The heaviest first; of equal ones the cheaper, where costs are given, then the first declared.
        """
        rest = [member for member in self.open if member not in asked]
        rest.sort(key=lambda member: (-self.weights[member], costs[member] if costs else 0.0, member))
        if not self._sound:
            return tuple(rest)
        coming = self.answered + len(self.open) - len(rest)
        out = sum(self.weights[member] for member in rest)
        lead = self.lead + self.outstanding - out
        for count, member in enumerate(rest):
            if coming + count >= self.quorum and lead > out + self._slack:
                return tuple(rest[:count])
            lead, out = lead + self.weights[member], out - self.weights[member]
        return tuple(rest)


def first_wave(
    weights: Sequence[float | None], quorum: int, costs: Sequence[float] | None = None
) -> tuple[int, ...]:
    """The fewest members that meet the quorum and settle the vote alone if they all agree.

    >>> first_wave([1, 1, 1, 1, 1], 3), first_wave([1, 5, 1, 1], 1), first_wave([1, 1, 1], 1, [9, 1, 1])
    ((0, 1, 2), (1,), (1, 2))
    """
    return Count(weights, quorum).wave((), costs)


def scaled(weights: Sequence[float | None]) -> list[float]:
    """The weights with 1 for the greatest: the sum of huge ones could be infinite."""
    known = [UNDECLARED if weight is None else float(weight) for weight in weights]
    greatest = max(known, default=0.0)
    return [weight / greatest for weight in known] if greatest > 0 else known
