"""Products of probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.special import softmax

from services.aggregator.answers import Ballot, Classes
from services.aggregator.combiners.log_pool import EPSILON, combine
from tests.aggregator.ballots import label_of, likely, panels, spread, sure


@settings(derandomize=True, deadline=None, max_examples=30)
@given(panel=panels(weighted=True))
def test_it_is_the_softmax_of_the_weighted_logarithms(panel: list[Ballot]) -> None:
    """Against scipy, over all labels there are: those that nobody names are not in the answer."""
    verdict = combine(panel)
    assert isinstance(verdict.answer, Classes)
    given_ = np.stack([spread(ballot.answer) for ballot in panel])
    logs = (verdict.shares[..., None] * np.log(np.maximum(given_, EPSILON))).sum(axis=0)
    named = given_.sum(axis=(0, 1)) > 0
    expected = np.zeros_like(logs)
    expected[:, named] = softmax(logs[:, named], axis=1)
    assert spread(verdict.answer) == pytest.approx(expected)


def test_a_member_that_rules_a_label_out_weighs_more_than_in_a_mean() -> None:
    """The mean says a, 0.53; the product does not forget that c finds it next to impossible."""
    ballots = [likely("a", a=0.8, b=0.2), likely("b", a=0.8, b=0.2), likely("c", a=0.001, b=0.999)]
    assert label_of(combine(ballots).answer) == "b"


def test_one_zero_is_no_veto() -> None:
    ballots = [likely(name, a=0.99, b=0.01) for name in "pqrs"]
    assert label_of(combine([*ballots, likely("t", a=0.0, b=1.0)]).answer) == "a"
    assert label_of(combine([*ballots, likely("t", b=1.0)]).answer) == "a"


def test_a_bare_label_counts_as_certain_and_is_noted() -> None:
    verdict = combine([likely("a", cat=0.9, dog=0.1), sure("b", "dog")])
    assert label_of(verdict.answer) == "dog"
    assert verdict.notes == ("b gave labels without probabilities; each counts as probability 1",)


def test_a_thousand_labels_keep_their_order() -> None:
    """Products of small numbers must not all become 0."""
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.full(1000, 0.1), size=(8, 1))
    labels = tuple(f"l{place}" for place in range(1000))
    answer = combine([Ballot(f"m{i}", Classes(labels, p[i].argmax(1), p[i])) for i in range(8)]).answer
    assert isinstance(answer, Classes)
    assert answer.probabilities is not None
    assert answer.probabilities.sum() == pytest.approx(1)
    assert answer.chosen[0] == np.log(np.maximum(p, EPSILON)).sum(axis=0).argmax()
