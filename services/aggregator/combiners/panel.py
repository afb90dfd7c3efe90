"""What combiners ask of a panel of answers: one kind, one length, one list of labels."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from services.aggregator.answers import Answer, Ballot, Classes, Flags, Floats, Integers, kind_of
from services.aggregator.combiners.kinds import TAKES, either, methods_for
from services.aggregator.errors import CannotCombine

A = TypeVar("A", bound=Answer)

# Sums of weights that are equal on paper differ in their last digits: 0.1 + 0.2 must be level with 0.3.
LEVEL = 1e-9
# Labels that Python has looked through before numpy has begun.
FEW = 32
# Members x rows x labels: 40 MB of numbers, a hundredth of a second; one odd answer must not cost more.
MOST_CELLS = 5_000_000


def uniform(ballots: Sequence[Ballot]) -> None:
    """Raise CannotCombine, naming the members, unless all answered in one kind and for as many rows."""
    if len({kind_of(ballot.answer) for ballot in ballots}) > 1:
        kinds = ", ".join(f"{ballot.member} with {kind_of(ballot.answer)}" for ballot in ballots)
        raise CannotCombine(f"members answered in different kinds: {kinds}", kinds=kinds)
    _as_long(ballots)


def countable(ballots: Sequence[Ballot]) -> None:
    """The same of a vote, in which answers of another kind are other answers."""
    if all(kind_of(ballot.answer) in TAKES["vote"] for ballot in ballots):
        _as_long(ballots)
    else:
        uniform(ballots)


def _as_long(ballots: Sequence[Ballot]) -> None:
    first = ballots[0].answer
    if any(ballot.answer.rows != first.rows for ballot in ballots):
        rows = ", ".join(f"{ballot.member} {ballot.answer.rows}" for ballot in ballots)
        raise CannotCombine(f"members answered for different numbers of rows: {rows}", rows=rows)


def answers(ballots: Sequence[Ballot], kind: type[A]) -> list[A]:
    """The answers of that kind: all of them in a uniform panel of it, none in another."""
    return [ballot.answer for ballot in ballots if isinstance(ballot.answer, kind)]


def refusal(ballots: Sequence[Ballot], method: str) -> CannotCombine:
    """The error for a kind of answer that a method cannot combine, with the methods that can."""
    named = ", ".join(ballot.member for ballot in ballots)
    kind = kind_of(ballots[0].answer)
    said = f"{method} takes {either(TAKES[method])}, and {named} answered with {kind}"
    fitting = f"for {kind} use {either(methods_for(kind))}"
    return CannotCombine(f"{said}; {fitting}", method=method, kind=kind, members=named)


def remarks(ballots: Sequence[Ballot]) -> tuple[str, ...]:
    """What a reader of combined probabilities should know of those that were given."""
    panel = [(ballot.member, ballot.answer) for ballot in ballots if isinstance(ballot.answer, Classes)]
    certain = [member for member, answer in panel if answer.probabilities is None]
    rescaled = [member for member, answer in panel if answer.rescaled]
    said = []
    if certain:
        said.append(f"{', '.join(certain)} gave labels without probabilities; each counts as probability 1")
    if rescaled:
        said.append(f"{', '.join(rescaled)} gave probabilities that did not sum to 1; they were rescaled")
    return tuple(said)


def union_of_labels(panel: Sequence[Classes]) -> tuple[str, ...]:
    """Every label of the panel, in the order of its first mention. Raises CannotCombine past MOST_CELLS."""
    labels = panel[0].labels
    # Members of one task list the same labels, and a thousand of them take longer to join than to combine.
    if any(answer.labels != labels for answer in panel):
        labels = tuple(dict.fromkeys(label for answer in panel for label in answer.labels))
    cells = len(panel) * panel[0].rows * len(labels)
    if cells > MOST_CELLS:
        said = f"{len(panel)} members x {panel[0].rows} rows x {len(labels)} labels are too much to combine"
        raise CannotCombine(f"{said}; the product is at most {MOST_CELLS}", labels=len(labels))
    return labels


def votes_of(panel: Sequence[Classes], labels: tuple[str, ...]) -> Floats:
    """[members, rows, labels]: 1 at the label that the member chose for the row."""
    places = np.stack([_columns(answer, labels)[answer.chosen] for answer in panel])
    spread = np.zeros((*places.shape, len(labels)))
    np.put_along_axis(spread, places[..., np.newaxis], 1.0, axis=-1)
    return spread


def probabilities_of(panel: Sequence[Classes], labels: tuple[str, ...]) -> Floats:
    """[members, rows, labels]: 0 for labels that a member does not know, and 1 for the label of a member
    that gave no probabilities."""
    if all(answer.labels == labels and answer.probabilities is not None for answer in panel):
        return np.array([answer.probabilities for answer in panel])
    spread = np.zeros((len(panel), panel[0].rows, len(labels)))
    for member, answer in enumerate(panel):
        if answer.labels == labels and answer.probabilities is not None:
            spread[member] = answer.probabilities
            continue
        columns = _columns(answer, labels)
        if answer.probabilities is None:
            spread[member, np.arange(answer.rows), columns[answer.chosen]] = 1
        else:
            spread[member][:, columns] = answer.probabilities
    return spread


def known_confidence(ballots: Sequence[Ballot]) -> Floats:
    """[members, rows]; 0 for a member that gave none."""
    nothing = np.zeros(ballots[0].answer.rows)
    return np.stack([nothing if ballot.confidence is None else ballot.confidence for ballot in ballots])


def leader_of_one(scores: Floats) -> Integers | None:
    """[1]: which of a few labels leads alone in the one row that there is; None where `leaders` has to tell.
    It is the common case, in a fifth of the time.

    >>> leader_of_one(np.array([[0.2, 0.8]])), leader_of_one(np.array([[0.5, 0.5]]))
    (array([1]), None)
    """
    if len(scores) != 1 or scores.size > FEW:
        return None
    (row,) = scores.tolist()
    level = max(row) - LEVEL
    leading = [place for place, score in enumerate(row) if score >= level]
    return np.array(leading) if len(leading) == 1 else None


def leaders(scores: Floats, among: Flags | None = None) -> Flags:
    """[rows, labels]: which labels share the highest score of the row, among those allowed."""
    allowed = scores if among is None else np.where(among, scores, -np.inf)
    return np.asarray(allowed >= np.maximum.reduce(allowed, axis=1, keepdims=True) - LEVEL)


def _columns(answer: Classes, labels: tuple[str, ...]) -> Integers:
    if answer.labels == labels:
        return np.arange(len(labels))
    places = {label: place for place, label in enumerate(labels)}
    return np.array([places[label] for label in answer.labels], dtype=np.int64)
