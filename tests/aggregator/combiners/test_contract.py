"""What every combiner in the table promises; a new one is tested by existing."""

import dataclasses
import doctest
import random
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator import answers
from services.aggregator.answers import (
    Answer,
    Ballot,
    Calls,
    Classes,
    Numbers,
    Structure,
    Tensors,
    Text,
    ToolCall,
    Vectors,
)
from services.aggregator.combiners import COMBINERS, TAKES, WEIGHING, Combiner
from services.aggregator.combiners.kinds import methods_for
from services.aggregator.errors import CannotCombine
from services.aggregator.learnt import Learnt
from services.aggregator.recipe import PLAIN, Options, Recipe
from services.aggregator.tolerance import Tolerance
from tests.aggregator.ballots import (
    chosen,
    label_of,
    likely,
    number,
    numbers,
    panels,
    regressors,
    spread,
)
from tests.thorough import cases

# What stacking makes of a panel, its meta-model decides: it is tested on its own.
CLASSIFYING = [name for name, kinds in TAKES.items() if "labels" in kinds and name != "stacking"]
NUMERIC = [name for name, kinds in TAKES.items() if "numbers" in kinds and name != "stacking"]
MEMBER: dict[str, Answer] = {
    "labels": Classes(("no", "yes"), np.array([1]), np.array([[0.25, 0.75]])),
    "numbers": Numbers(np.array([2.0])),
    "text": Text("yes"),
    "json": Structure({"a": 1}),
    "tool calls": Calls((ToolCall("f", {}),)),
    "tensors": Tensors({"x": np.ones(2)}),
    "embedding": Vectors(np.ones((1, 2))),
}


def table(names: Sequence[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("combine", [COMBINERS[name] for name in names], ids=names)


each = table(list(COMBINERS))
each_classifying = table(CLASSIFYING)
each_weighing = table([name for name in CLASSIFYING if name in WEIGHING])
each_numeric = table(NUMERIC)
# What the examples may speak of without importing it.
NAMES = {**vars(answers), "Learnt": Learnt, "Options": Options, "Recipe": Recipe, "Tolerance": Tolerance}
steady = settings(derandomize=True, deadline=None, max_examples=cases(12, 30))


@each_classifying
@steady
@given(panel=panels())
def test_probabilities_and_shares_sum_to_one(combine: Combiner, panel: Sequence[Ballot]) -> None:
    verdict = combine(panel, PLAIN)
    assert spread(verdict.answer).sum(axis=1) == pytest.approx(1)
    assert verdict.shares.shape == (len(panel), panel[0].answer.rows)
    assert verdict.shares.sum(axis=0) == pytest.approx(1)
    assert np.all(verdict.shares >= 0)


@each_classifying
@steady
@given(panel=panels(least=2), seed=st.integers(0, 1000))
def test_the_order_of_the_members_matters_to_ties_only(
    combine: Combiner, panel: Sequence[Ballot], seed: int
) -> None:
    shuffled = random.Random(seed).sample(panel, len(panel))
    verdict, again = combine(panel, PLAIN), combine(shuffled, PLAIN)
    assert verdict.tied.tolist() == again.tied.tolist()
    settled = ~verdict.tied
    assert chosen(verdict.answer)[settled].tolist() == chosen(again.answer)[settled].tolist()
    assert spread(verdict.answer)[settled] == pytest.approx(spread(again.answer)[settled])


@each_numeric
@steady
@given(panel=regressors(least=2), seed=st.integers(0, 1000))
def test_the_order_of_the_members_does_not_matter_to_numbers(
    combine: Combiner, panel: Sequence[Ballot], seed: int
) -> None:
    verdict = combine(panel, PLAIN)
    again = combine(random.Random(seed).sample(panel, len(panel)), PLAIN)
    settled = ~verdict.tied
    assert numbers(verdict.answer)[settled] == pytest.approx(numbers(again.answer)[settled], abs=1e-6)


@each_classifying
@steady
@given(panel=panels())
def test_one_member_alone_decides(combine: Combiner, panel: Sequence[Ballot]) -> None:
    verdict = combine(panel[:1], PLAIN)
    assert chosen(verdict.answer).tolist() == chosen(panel[0].answer).tolist()
    if combine is not COMBINERS["vote"]:
        assert spread(verdict.answer) == pytest.approx(spread(panel[0].answer))


@each_numeric
@steady
@given(panel=regressors(least=2))
def test_a_number_lies_between_the_members(combine: Combiner, panel: Sequence[Ballot]) -> None:
    values = np.stack([numbers(ballot.answer) for ballot in panel])
    found = numbers(combine(panel, PLAIN).answer)
    slack = 1e-9 * np.abs(values).max()
    assert np.all(found >= values.min(axis=0) - slack)
    assert np.all(found <= values.max(axis=0) + slack)


@each_classifying
@steady
@given(panel=panels(least=2))
def test_a_batch_is_decided_row_by_row(combine: Combiner, panel: Sequence[Ballot]) -> None:
    whole = combine(panel, PLAIN)
    for row in range(panel[0].answer.rows):
        alone = combine([only_row(ballot, row) for ballot in panel], PLAIN)
        assert chosen(alone.answer)[0] == chosen(whole.answer)[row]
        assert spread(alone.answer)[0] == pytest.approx(spread(whole.answer)[row])


@each_weighing
@steady
@given(panel=panels(least=2, weighted=True), scale=st.floats(1e-6, 1e6))
def test_only_the_ratio_of_weights_matters(combine: Combiner, panel: Sequence[Ballot], scale: float) -> None:
    rescaled = [dataclasses.replace(ballot, weight=(ballot.weight or 0) * scale) for ballot in panel]
    verdict, again = combine(panel, PLAIN), combine(rescaled, PLAIN)
    assert spread(verdict.answer) == pytest.approx(spread(again.answer))
    assert verdict.shares == pytest.approx(again.shares)


@each_weighing
@steady
@given(panel=panels(least=2, weighted=True))
def test_a_member_of_no_weight_changes_nothing(combine: Combiner, panel: Sequence[Ballot]) -> None:
    idle = [*panel, dataclasses.replace(panel[0], member="idle", weight=0.0)]
    verdict, again = combine(panel, PLAIN), combine(idle, PLAIN)
    assert spread(verdict.answer) == pytest.approx(spread(again.answer))
    assert chosen(verdict.answer).tolist() == chosen(again.answer).tolist()


@each_weighing
@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_extreme_weights_keep_their_ratio(combine: Combiner, scale: float) -> None:
    ballots = [likely("a", weight=3 * scale, yes=1.0), likely("b", weight=scale, no=1.0)]
    assert combine(ballots, PLAIN).shares.ravel() == pytest.approx([0.75, 0.25])


@each_weighing
def test_nothing_to_weigh_by_is_an_error_and_not_an_even_split(combine: Combiner) -> None:
    ballots = [likely("a", weight=0, yes=1.0), likely("b", weight=0, no=1.0)]
    with pytest.raises(CannotCombine, match="the weights of a, b sum to 0"):
        combine(ballots, PLAIN)


@each
def test_members_that_answer_in_different_kinds_are_named(combine: Combiner) -> None:
    with pytest.raises(CannotCombine, match="a with labels, b with numbers") as refused:
        combine([likely("a", yes=0.9, no=0.1), number("b", 1.5)], PLAIN)
    assert refused.value.reason == "CANNOT_COMBINE"
    assert refused.value.code == "FAILED_PRECONDITION"


@each_numeric
def test_members_that_answer_for_different_rows_are_named(combine: Combiner) -> None:
    with pytest.raises(CannotCombine, match="different numbers of rows: a 1, b 2"):
        combine(
            [number("a", 1, weight=1, confidence=0.5), number("b", 1, 2, weight=1, confidence=0.5)], PLAIN
        )


def test_the_table_of_kinds_speaks_of_every_method() -> None:
    assert TAKES.keys() == COMBINERS.keys()


@pytest.mark.parametrize("kind", MEMBER)
@pytest.mark.parametrize("method", COMBINERS)
def test_a_kind_is_combined_or_refused_with_what_would_be_right(method: str, kind: str) -> None:
    panel = [Ballot(name, MEMBER[kind], 1.0, np.array([0.75])) for name in "ab"]
    labels = ("no", "yes") if kind == "labels" else ()
    width = 2 * max(len(labels), 1)
    learnt = Learnt(
        ("a", "b"),
        labels,
        np.ones((max(len(labels), 1), width)),
        np.zeros(max(len(labels), 1)),
        np.zeros(width),
        "softmax" if labels else "linear",
    )
    recipe = Recipe(method, options=Options(vectors=np.ones((2, 3)), learnt=learnt))
    if kind in TAKES[method]:
        verdict = COMBINERS[method](panel, recipe)
        assert verdict.shares.ravel() == pytest.approx([0.5, 0.5]) or method == "max_confidence"
        # Tensors are not compared, and this meta-model tells no label from the other.
        assert verdict.tied.any() == (
            (method, kind) in {("max_confidence", "tensors"), ("stacking", "labels")}
        )
        return
    with pytest.raises(CannotCombine, match=f"{method} takes .* and a, b answered with {kind}") as refused:
        COMBINERS[method](panel, recipe)
    assert f"; for {kind} use {methods_for(kind)[0]}" in refused.value.message


@each
def test_its_example_is_true(combine: Combiner) -> None:
    module = sys.modules[combine.__module__]
    result = doctest.testmod(module, extraglobs=NAMES)
    assert result.attempted > 0
    assert result.failed == 0


@each_classifying
def test_what_all_members_say_is_the_answer(combine: Combiner) -> None:
    panel = [
        likely(name, yes=confidence, no=1 - confidence)
        for name, confidence in zip("abc", (0.6, 0.9, 0.7), strict=True)
    ]
    verdict = combine(panel, PLAIN)
    assert label_of(verdict.answer) == "yes"
    assert not verdict.tied.any()


def only_row(ballot: Ballot, row: int) -> Ballot:
    """The ballot as it would be had only this row been asked about."""
    answer = ballot.answer
    assert isinstance(answer, Classes)
    assert answer.probabilities is not None
    assert ballot.confidence is not None
    one = Classes(answer.labels, answer.chosen[[row]], answer.probabilities[[row]])
    return dataclasses.replace(ballot, answer=one, confidence=ballot.confidence[[row]])
