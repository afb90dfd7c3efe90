"""Where answers are either the same or not: who says the same as whom."""

from collections.abc import Iterable, Sequence

import numpy as np

from services.aggregator.answers import Answer, Calls, Classes, Flags, Floats, Integers, Structure, Text
from services.aggregator.canonical import Json, key_of
from services.aggregator.errors import CannotCombine
from services.aggregator.tolerance import EXACT, Tolerance

# What a text begins with, JSON, and calls of tools; and a label that begins as they do.
MARK = "\0"
AS_TEXT, AS_JSON, AS_CALLS, AS_LABEL = (f"{MARK}{kind} " for kind in ("text", "json", "calls", "label"))
# More members, or rows, are compared as arrays.
FEW = 16
# Members x members x numbers of a structure, compared within a tolerance: 40 MB, four times.
MOST_COMPARED = 5_000_000


def voices(answer: Answer) -> list[str] | None:
    """[rows]: what the answer says, so that two that say the same are equal, and none of another kind is;
    None for answers that differ by degree.

    >>> voices(Text("a")) == voices(Classes(("\\0text a",), np.zeros(1, dtype=np.int64)))
    False
    """
    if isinstance(answer, Classes):
        return _labelled(answer)
    if isinstance(answer, Text):
        return [AS_TEXT + answer.content.strip()]
    if isinstance(answer, Structure | Calls):
        return [(AS_JSON if isinstance(answer, Structure) else AS_CALLS) + answer.key]
    return None


def _labelled(answer: Classes) -> list[str]:
    """The label of each row, as it is but where it begins as other kinds do."""
    names = answer.names
    if len(names) == 1 and not names[0].startswith(MARK):
        return names
    if not any(name.startswith(MARK) for name in min(names, answer.labels, key=len)):
        return names
    return [AS_LABEL + name if name.startswith(MARK) else name for name in names]


def words(answers: Sequence[Answer], tolerance: Tolerance = EXACT) -> list[str] | None:
    """What each answer says of its one row, so that two that say the same are equal; None where any has
    several rows, or where some may be the same without being equal."""
    if tolerance != EXACT and all(isinstance(answer, Structure | Calls) for answer in answers):
        return None
    said = list(map(voices, answers))
    return [one[0] for one in said if one] if all(one and len(one) == 1 for one in said) else None


def alike(answers: Sequence[Answer], tolerance: Tolerance = EXACT) -> Flags | None:
    """[members, members, rows]: which say the same; None where answers differ by degree. Numbers inside
    structures are compared within `tolerance`.

    >>> alike([Text("yes"), Text("yes "), Text("no")])[..., 0].sum(axis=1).tolist()
    [2, 2, 1]
    """
    if tolerance != EXACT and all(isinstance(answer, Structure | Calls) for answer in answers):
        values = [answer.value for answer in answers if isinstance(answer, Structure | Calls)]
        return near(values, tolerance)[0][..., np.newaxis]
    said = [voice for voice in map(voices, answers) if voice is not None]
    if len(said) < len(answers):
        return None
    # Compared as names: members may list their labels in different orders.
    if len(said) <= FEW and all(len(each) == 1 for each in said):
        # The common case in a fifth of the time: arrays of texts are slow to make.
        return np.array([[[one == other] for other in said] for one in said])
    # By number: an array of texts has room for the longest in each of its places.
    numbers = numbered(voice for each in said for voice in each).reshape(len(said), -1)
    return np.asarray(numbers[:, None] == numbers[None])


def numbered(texts: Iterable[str]) -> Integers:
    """A number for each text, the same for the same."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(text, len(known)) for text in texts], dtype=np.int64)


def near(values: Sequence[Json], tolerance: Tolerance) -> tuple[Flags, Floats]:
    """[members, members]: which canonical values are the same but for numbers within `tolerance` of each
    other, and how far those are apart, in sum over the numbers and in units of what the tolerance allows.
    Raises CannotCombine past MOST_COMPARED."""
    outlines = [_outline(value) for value in values]
    same = np.zeros((len(values), len(values)), dtype=np.bool_)
    apart = np.zeros(same.shape)
    for skeleton in dict.fromkeys(skeleton for skeleton, _ in outlines):
        places = np.array([place for place, (own, _) in enumerate(outlines) if own == skeleton])
        # Those that are equal are compared once: a verdict is often one of the answers.
        known: dict[tuple[float, ...], int] = {}
        which = [known.setdefault(tuple(outlines[place][1]), len(known)) for place in places]
        numbers = np.array(list(known))
        if (cells := len(numbers) * numbers.size) > MOST_COMPARED:
            told = f"{len(numbers)} answers with {numbers.shape[1]} numbers each are too much to compare"
            raise CannotCombine(
                f"{told}; answers x answers x numbers is at most {MOST_COMPARED}", cells=cells
            )
        here, among = np.ix_(places, places), np.ix_(which, which)
        compared, units = _compared(numbers, tolerance)
        same[here], apart[here] = compared[among], units[among]
    return same, apart


def _compared(numbers: Floats, tolerance: Tolerance) -> tuple[Flags, Floats]:
    left, right = numbers[:, None], numbers[None]
    allowed = tolerance.allowed(left, right)
    difference = np.abs(left - right)
    # Where nothing is allowed the same differ by nothing.
    units = np.divide(difference, allowed, out=np.zeros_like(difference), where=allowed > 0)
    return np.all(difference <= allowed, axis=2), units.sum(axis=2)


def _outline(value: Json) -> tuple[str, list[float]]:
    """The value with 0 for every number, as a key, and its numbers in the order of the keys."""
    numbers: list[float] = []
    return key_of(_emptied(value, numbers)), numbers


def _emptied(value: Json, numbers: list[float]) -> Json:
    if isinstance(value, dict):
        return {key: _emptied(each, numbers) for key, each in value.items()}
    if isinstance(value, list):
        return [_emptied(each, numbers) for each in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        numbers.append(float(value))
        return 0
    return value
