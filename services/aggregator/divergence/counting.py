"""One panel as counts."""

from collections.abc import Hashable, Sequence

import numpy as np

from services.aggregator.alike import alike
from services.aggregator.answers import Answer, Ballot, Classes, Flags, Floats, Numbers, Taken, Vectors
from services.aggregator.desk import Panel
from services.aggregator.divergence.tally import Counts, OfAll, OfMember, OfPair

# How far apart two numbers count as at most: sums of such distances must stay numbers.
FARTHEST = 1e300


def counted(panel: Panel) -> Counts:
    """What a panel adds to a tally. Numbers differ by degree: nobody dissents from a mean. A batch is one
    panel, and dissents or costs as a whole; pairs are counted by row."""
    ballots = panel.ballots
    found = Counts.of(*(ballot.member for ballot in ballots))
    found.whole[OfAll.PANELS] = 1
    found.members[OfMember.PANELS] = 1
    found.pairs[OfPair.PANELS] = 1
    same = _pairwise(panel, found) if len({_shape(ballot) for ballot in ballots}) == 1 else None
    for place in range(len(ballots)):
        found.pairs[:, place, place] = 0
    if panel.pivotal is not None:
        found.members[OfMember.WEIGHED] = 1
        found.members[OfMember.PIVOTAL] = [name in panel.pivotal for name in found.names]
    if panel.currency:
        return _priced(panel, found, same)
    return found


def likeness(panel: Panel) -> Hashable | None:
    """Equal for panels that count the same; None where that is not told cheaply. Most panels are of one row
    with labels, and have been seen before: counting anew takes twenty times as long as this."""
    reply = _reply(panel)
    if reply is None:
        return None
    pivotal = None if panel.pivotal is None else tuple(panel.pivotal)
    said: list[Hashable] = [panel.currency, panel.helping, pivotal]
    for answer in (reply, *(ballot.answer for ballot in panel.ballots)):
        if not isinstance(answer, Classes) or len(answer.chosen) != 1:
            return None
        said.append(answer.labels[answer.chosen[0]])
    said += [ballot.member for ballot in panel.ballots]
    return None if panel.recipe.options.vectors is not None else (*said, *panel.costs.items())


def _shape(ballot: Ballot) -> tuple[type, int]:
    return type(ballot.answer), ballot.answer.rows


def _pairwise(panel: Panel, found: Counts) -> Flags | None:
    """Count who differs from whom. Returns [members]: who said in every row what the verdict says; None where
    answers differ by degree."""
    ballots, reply = panel.ballots, _reply(panel)
    rows, options = ballots[0].answer.rows, panel.recipe.options
    if (vectors := _vectors(ballots, options.vectors)) is not None:
        found.pairs[OfPair.VECTORS] = vectors.shape[1]
        found.pairs[OfPair.DISTANCE] = _distances(vectors)
    values = [ballot.answer.values for ballot in ballots if isinstance(ballot.answer, Numbers)]
    if values:
        numbers = np.stack(values)
        found.pairs[OfPair.NUMBERS] = rows
        with np.errstate(over="ignore"):
            apart = np.abs(numbers[:, None] - numbers[None])
        found.pairs[OfPair.DIFFERENCE] = np.minimum(apart, FARTHEST).sum(axis=2)
        return None
    said = [ballot.answer for ballot in ballots]
    if reply is not None and reply.rows != rows:
        return None
    same = alike(said if reply is None else [*said, reply], options.tolerance)
    if same is None:
        return None
    found.pairs[OfPair.ROWS] = rows
    found.pairs[OfPair.DIFFERING] = rows - same[: len(said), : len(said)].sum(axis=2)
    if reply is None:
        return None
    as_verdict = np.asarray(same[-1, :-1].all(axis=1))
    found.members[OfMember.JUDGED] = 1
    found.members[OfMember.DISSENTS] = ~as_verdict
    return as_verdict


def _reply(panel: Panel) -> Answer | None:
    """The answer that the members came to; None where it is not theirs."""
    if panel.verdict is None:
        return None
    decided = panel.verdict.answer
    return panel.ballots[decided.ballot].answer if isinstance(decided, Taken) else decided


def _vectors(ballots: Sequence[Ballot], embedded: Floats | None) -> Floats | None:
    """[members, rows, dimension]: the answers, or the embeddings that an embedder made of them."""
    if embedded is not None:
        return embedded[:, None, :] if len(embedded) == len(ballots) else None
    values = [ballot.answer.values for ballot in ballots if isinstance(ballot.answer, Vectors)]
    return np.stack(values) if values and len({each.shape for each in values}) == 1 else None


def _distances(vectors: Floats) -> Floats:
    """[members, members]: cosine distances, in sum over the rows. A vector of length 0 is at right angles to
    everything."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    units = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    by_row = units.transpose(1, 0, 2)
    return np.asarray((1 - by_row @ by_row.transpose(0, 2, 1)).sum(axis=0))


def _priced(panel: Panel, found: Counts, as_verdict: Flags | None) -> Counts:
    costs = [panel.costs.get(name) for name in found.names]
    found.members[OfMember.PRICED] = [cost is not None for cost in costs]
    found.members[OfMember.COST] = [cost or 0.0 for cost in costs]
    paid = [*panel.costs.values(), panel.helping]
    if None not in paid and None not in costs:
        total = sum(cost or 0.0 for cost in paid)
        found.whole[OfAll.PRICED], found.whole[OfAll.COST] = 1, total
        if as_verdict is not None:
            found.whole[OfAll.JUDGED] = 1
            cheapest = min(
                (cost or 0.0 for cost, same in zip(costs, as_verdict, strict=True) if same), default=total
            )
            if cheapest < total:
                found.whole[OfAll.AVOIDABLE], found.whole[OfAll.SAVING] = 1, total - cheapest
    return Counts(found.names, found.members, found.pairs, found.whole, panel.currency)
