"""A meta-model over the members' answers.

    softmax: p(label) = softmax over labels of coefficients[label] . x + intercept[label]
    linear:  number   = coefficients[0] . x + intercept[0]

x is a row of `design_matrix`: the one place that says how answers become columns, also for a meta-model that
is fitted elsewhere. Columns of absent members take the means that were learnt with the model, and a note says
so; members that the meta-model was not fitted on have no say. A member's share is its part of the absolute
coefficients: how much the meta-model listens to it, whatever it said.

Reference: D. Wolpert, Stacked generalization, Neural Networks 5 (1992); K. Ting and I. Witten, Issues in
stacked generalization, JAIR 10 (1999) (why the columns are probabilities).

>>> ballots = [Ballot(name, Numbers(np.array([x]))) for name, x in (("a", 10.0), ("b", 20.0))]
>>> learnt = Learnt(("a", "b"), (), np.array([[0.5, 1.0]]), np.array([1.0]), np.zeros(2), "linear")
>>> combine(ballots, Recipe("stacking", options=Options(learnt=learnt))).answer.values.tolist()
[26.0]
"""

from collections.abc import Sequence

import numpy as np

from services.aggregator.answers import Ballot, Classes, Floats, Numbers, Verdict, kind_of
from services.aggregator.combiners.panel import (
    answers,
    leaders,
    probabilities_of,
    refusal,
    remarks,
    uniform,
    union_of_labels,
)
from services.aggregator.errors import CannotCombine
from services.aggregator.learnt import Layout, Learnt
from services.aggregator.recipe import PLAIN, Recipe

MOST_NAMED = 5


def combine(ballots: Sequence[Ballot], recipe: Recipe = PLAIN) -> Verdict:
    """What the recipe's meta-model makes of the answers."""
    uniform(ballots)
    if not answers(ballots, Numbers) and not answers(ballots, Classes):
        raise refusal(ballots, "stacking")
    if recipe.options.learnt is None:
        raise CannotCombine("stacking needs a meta-model: register one, or fit one from matched predictions")
    return apply(ballots, recipe.options.learnt)


def design_matrix(ballots: Sequence[Ballot], layout: Layout, fill: float = float("nan")) -> Floats:
    """[rows, columns of the layout], float64. Ballots are of one kind and length.

    Classes fill one column per label of the layout with their probability for it: 0 for a label that the
    member does not know, 1 for the label of a member that gave no probabilities; labels outside the layout
    are left out. Numbers fill their member's one column as they are. Columns of members without a ballot hold
    `fill`; ballots of members outside the layout are left out, and the order of the ballots does not matter.
    Raises CannotCombine for classes where the layout has no labels, and for numbers where it has.
    """
    seats = {member: place for place, member in enumerate(layout.members)}
    matrix = np.full((ballots[0].answer.rows, len(layout.members), layout.width), fill)
    panel = answers(ballots, Classes)
    if bool(panel) is not bool(layout.labels):
        fitted, kind = "labels" if layout.labels else "numbers", kind_of(ballots[0].answer)
        raise CannotCombine(f"the meta-model was fitted on {fitted}, and the members answered with {kind}")
    blocks = _label_columns(panel, layout) if panel else _number_columns(answers(ballots, Numbers))
    for ballot, block in zip(ballots, blocks, strict=True):
        if ballot.member in seats:
            matrix[:, seats[ballot.member]] = block
    return matrix.reshape(len(matrix), -1)


def unread(ballots: Sequence[Ballot], labels: Sequence[str]) -> tuple[str, ...]:
    """A note where some answered with none of the labels that the meta-model reads: their columns are 0, as
    if they had ruled out each of them. Raises CannotCombine where nobody answered with one."""
    known = frozenset(labels)
    panel = [(ballot.member, ballot.answer) for ballot in ballots if isinstance(ballot.answer, Classes)]
    deaf = [member for member, answer in panel if known.isdisjoint(answer.labels)]
    if not deaf or not known:
        return ()
    reads = ", ".join(labels[:MOST_NAMED]) + (", …" if len(labels) > MOST_NAMED else "")
    if len(deaf) == len(ballots):
        raise CannotCombine(f"the meta-model reads the labels {reads}, and nobody answered with one of them")
    told = f"{', '.join(deaf[:MOST_NAMED])}{', …' if len(deaf) > MOST_NAMED else ''}"
    return (f"of the labels that the meta-model reads ({reads}), {told} answered with none: it read zeros",)


def apply(ballots: Sequence[Ballot], learnt: Learnt) -> Verdict:
    """The meta-model's answer for each row. Raises CannotCombine where it knows none of the members."""
    present = np.array([ballot.member in learnt.members for ballot in ballots])
    if not present.any():
        raise CannotCombine(
            f"the meta-model was fitted on {', '.join(learnt.members)}, and none of them answered"
        )
    deaf = unread([ballot for ballot in ballots if ballot.member in learnt.members], learnt.labels)
    given = design_matrix(ballots, learnt.layout)
    with np.errstate(over="ignore", invalid="ignore"):
        scores = np.where(np.isnan(given), learnt.means, given) @ learnt.coefficients.T + learnt.intercept
    if not np.isfinite(scores).all():
        raise CannotCombine("the meta-model's answer is no finite number: the members' numbers are too large")
    shares = _shares(ballots, learnt, given.shape[0])
    notes = (*_notes(ballots, learnt), *deaf, *remarks(ballots))
    if learnt.kind == "linear":
        return Verdict(Numbers(scores[:, 0]), shares, np.zeros(len(scores), dtype=np.bool_), notes)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    spread = powers / powers.sum(axis=1, keepdims=True)
    leading = leaders(spread)
    answer = Classes(learnt.labels, leading.argmax(axis=1), spread)
    return Verdict(answer, shares, leading.sum(axis=1) > 1, notes)


def _label_columns(panel: Sequence[Classes], layout: Layout) -> Floats:
    """[members, rows, labels of the layout]."""
    known = union_of_labels([Classes(layout.labels, panel[0].chosen), *panel])
    # The layout's labels come first in the union.
    return probabilities_of(panel, known)[..., : len(layout.labels)]


def _number_columns(panel: Sequence[Numbers]) -> Floats:
    return np.stack([answer.values for answer in panel])[..., np.newaxis]


def _shares(ballots: Sequence[Ballot], learnt: Learnt, rows: int) -> Floats:
    weights = np.array([learnt.heard.get(ballot.member, 0.0) for ballot in ballots])
    if not weights.sum() > 0:
        weights = np.array([float(ballot.member in learnt.heard) for ballot in ballots])
    return np.repeat(weights[:, np.newaxis] / weights.sum(), rows, axis=1)


def _notes(ballots: Sequence[Ballot], learnt: Learnt) -> list[str]:
    members = [ballot.member for ballot in ballots]
    absent = [member for member in learnt.members if member not in members]
    strange = [member for member in members if member not in learnt.members]
    said = []
    if absent:
        said.append(f"{', '.join(absent)} gave no answer; the meta-model took their means instead")
    if strange:
        said.append(f"the meta-model was not fitted on {', '.join(strange)}, whose answers have no say")
    return said
