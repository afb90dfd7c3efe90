"""Panels for the combiners: by hand, and at random for properties."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from services.aggregator.answers import Ballot, Classes, Floats, Integers, Numbers, Text

LABELS = ("ash", "birch", "cedar", "elm")


def sure(member: str, label: str, weight: float | None = None, confidence: float | None = None) -> Ballot:
    """A member that gives a label and no probabilities."""
    given = None if confidence is None else np.array([confidence])
    return Ballot(member, Classes((label,), np.zeros(1, dtype=np.int64)), weight, given)


def likely(member: str, weight: float | None = None, **probabilities: float) -> Ballot:
    """A member that gives one row of probabilities, and is as confident as the highest."""
    row = np.array([list(probabilities.values())])
    return Ballot(member, Classes(tuple(probabilities), row.argmax(1), row), weight, row.max(1))


def number(
    member: str, *values: float, weight: float | None = None, confidence: float | None = None
) -> Ballot:
    """A member that gives a number per row."""
    given = None if confidence is None else np.full(len(values), confidence)
    return Ballot(member, Numbers(np.array(values, dtype=np.float64)), weight, given)


def text(member: str, content: str, confidence: float | None = None) -> Ballot:
    """A member that writes."""
    given = None if confidence is None else np.array([confidence])
    return Ballot(member, Text(content), None, given)


def label_of(answer: object) -> str:
    """The first row's label."""
    assert isinstance(answer, Classes)
    return answer.names[0]


def spread(answer: object) -> Floats:
    """Probabilities [rows, LABELS], whatever order the answer has them in."""
    assert isinstance(answer, Classes)
    assert answer.probabilities is not None
    found = np.zeros((answer.rows, len(LABELS)))
    found[:, [LABELS.index(label) for label in answer.labels]] = answer.probabilities
    return found


def chosen(answer: object) -> Integers:
    """Places in LABELS [rows]."""
    assert isinstance(answer, Classes)
    return np.array([LABELS.index(name) for name in answer.names])


def numbers(answer: object) -> Floats:
    assert isinstance(answer, Numbers)
    return answer.values


@st.composite
def panels(draw: st.DrawFn, least: int = 1, weighted: bool | None = None) -> Sequence[Ballot]:
    """Classifiers with probabilities over subsets of LABELS, in any order; all weighted, or none."""
    members, rows = draw(st.integers(least, 6)), draw(st.integers(1, 5))
    has_weights = draw(st.booleans()) if weighted is None else weighted
    weight = st.floats(0.01, 100) if has_weights else st.none()
    return [draw(_classifier(f"m{index}", rows, weight)) for index in range(members)]


@st.composite
def regressors(draw: st.DrawFn, least: int = 1) -> Sequence[Ballot]:
    """Members with numbers, weights and confidences."""
    members, rows = draw(st.integers(least, 6)), draw(st.integers(1, 5))
    value = st.floats(-1e6, 1e6)
    panel = []
    for index in range(members):
        values = draw(arrays.arrays(np.float64, rows, elements=value))
        confidence = draw(arrays.arrays(np.float64, rows, elements=st.floats(0.01, 1)))
        panel.append(Ballot(f"m{index}", Numbers(values), draw(st.floats(0.01, 100)), confidence))
    return panel


@st.composite
def _classifier(draw: st.DrawFn, member: str, rows: int, weight: st.SearchStrategy[float | None]) -> Ballot:
    labels = tuple(draw(st.lists(st.sampled_from(LABELS), min_size=1, unique=True)))
    raw = draw(arrays.arrays(np.float64, (rows, len(labels)), elements=st.floats(0.05, 1)))
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    answer = Classes(labels, probabilities.argmax(axis=1), probabilities)
    return Ballot(member, answer, draw(weight), probabilities.max(axis=1))
