"""Counts of panels beside the same counted one row at a time, in whatever order they are added up."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.answers import Ballot, Classes, Numbers, Taken, Text, Vectors, Verdict
from services.aggregator.combiners import COMBINERS
from services.aggregator.desk import Panel
from services.aggregator.divergence.counting import FARTHEST, counted
from services.aggregator.divergence.tally import Counts, OfAll, OfMember, OfPair, Tally
from services.aggregator.plan import Plan
from services.aggregator.recipe import Options, Recipe
from services.aggregator.voices import Member
from services.aggregator.wire.tallies import read_tally, write_tally
from tests.aggregator.ballots import number, panels, regressors, sure, text

VOTE, MEDIAN = Recipe("vote"), Recipe("median")


def panel(
    ballots: Sequence[Ballot],
    recipe: Recipe = VOTE,
    verdict: Verdict | None = None,
    pivotal: Sequence[str] | None = None,
    **costs: float | None,
) -> Panel:
    """A panel of these ballots, decided by the recipe unless a verdict is given."""
    members = tuple(Member(ballot.member, f"models/{ballot.member}") for ballot in ballots)
    decided = verdict or COMBINERS[recipe.method](ballots, recipe)
    currency = "EUR" if costs else ""
    made = Plan(members, recipe, 1)
    return Panel("routers/r", "", made, ballots, decided, costs, currency, True, recipe, pivotal)


def sums(*those: Panel) -> Tally:
    tally = Tally()
    for one in those:
        tally.add(counted(one))
    return tally


def pair(tally: Tally, first: str, second: str, what: OfPair) -> float:
    return float(tally.pairs[what, tally.names.index(first), tally.names.index(second)])


def member(tally: Tally, name: str, what: OfMember) -> float:
    return float(tally.members[what, tally.names.index(name)])


@given(st.lists(panels(least=2), min_size=1, max_size=5))
def test_labels_differ_row_by_row(those: list[Sequence[Ballot]]) -> None:
    tally = sums(*(panel(ballots) for ballots in those))
    for i, first in enumerate(tally.names):
        for second in tally.names[i + 1 :]:
            both = [{ballot.member: ballot.answer for ballot in ballots} for ballots in those]
            said = [(one[first], one[second]) for one in both if first in one and second in one]
            rows = [zip(a.names, b.names, strict=True) for a, b in said]  # type: ignore[union-attr]
            expected = sum(a != b for some in rows for a, b in some)
            assert pair(tally, first, second, OfPair.DIFFERING) == expected
            assert pair(tally, second, first, OfPair.DIFFERING) == expected
            assert pair(tally, first, second, OfPair.ROWS) == sum(a.rows for a, _ in said)
            assert pair(tally, first, second, OfPair.PANELS) == len(said)


@given(panels(least=2))
def test_a_batch_dissents_as_a_whole(ballots: Sequence[Ballot]) -> None:
    made = panel(ballots)
    assert made.verdict is not None
    decided = made.verdict.answer
    assert isinstance(decided, Classes)
    tally = sums(made)
    for ballot in ballots:
        assert isinstance(ballot.answer, Classes)
        dissents = member(tally, ballot.member, OfMember.DISSENTS)
        assert dissents == (ballot.answer.names != decided.names)


@given(regressors(least=2))
def test_numbers_differ_by_degree_and_nobody_dissents(ballots: Sequence[Ballot]) -> None:
    tally = sums(panel(ballots, MEDIAN))
    first, second = (ballot.answer for ballot in ballots[:2])
    assert isinstance(first, Numbers)
    assert isinstance(second, Numbers)
    expected = sum(abs(a - b) for a, b in zip(first.values, second.values, strict=True))
    assert pair(tally, "m0", "m1", OfPair.DIFFERENCE) == pytest.approx(expected)
    assert pair(tally, "m0", "m1", OfPair.NUMBERS) == len(first.values)
    assert not tally.pairs[OfPair.ROWS].any()
    assert not tally.members[OfMember.JUDGED].any()


def test_embeddings_are_apart_by_their_angle() -> None:
    east, north = np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([[0.0, 3.0], [5.0, 0.0]])
    taken = Verdict(Taken(0), np.ones((2, 2)) / 2, np.zeros(2, dtype=np.bool_))
    tally = sums(panel([Ballot("a", Vectors(east)), Ballot("b", Vectors(north))], verdict=taken))
    assert pair(tally, "a", "b", OfPair.DISTANCE) == pytest.approx(1.0)
    assert pair(tally, "a", "b", OfPair.VECTORS) == 2


def test_texts_are_compared_and_what_an_embedder_made_of_them_too() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    recipe = Recipe("vote", options=Options(vectors=vectors))
    tally = sums(panel([text("a", "yes"), text("b", "yes "), text("c", "no")], recipe))
    assert pair(tally, "a", "b", OfPair.DIFFERING) == 0
    assert pair(tally, "a", "c", OfPair.DIFFERING) == 1
    assert pair(tally, "a", "b", OfPair.DISTANCE) == pytest.approx(1 - np.sqrt(0.5))
    assert pair(tally, "a", "c", OfPair.DISTANCE) == pytest.approx(1)


def test_answers_of_several_kinds_are_counted_and_not_compared() -> None:
    taken = Verdict(Taken(1), np.eye(2)[:, 1:], np.zeros(1, dtype=np.bool_))
    tally = sums(panel([Ballot("a", Text("7")), number("b", 7.0)], verdict=taken))
    assert tally.whole[OfAll.PANELS] == 1
    assert pair(tally, "a", "b", OfPair.PANELS) == 1
    assert not tally.pairs[OfPair.ROWS].any()


def test_a_cheaper_member_that_agrees_could_have_answered_alone() -> None:
    agreed = [sure("a", "elm"), sure("b", "elm"), sure("c", "ash")]
    tally = sums(panel(agreed, a=3.0, b=1.0, c=0.5))
    assert tally.whole[[OfAll.PRICED, OfAll.COST, OfAll.AVOIDABLE, OfAll.SAVING]].tolist() == [1, 4.5, 1, 3.5]


def test_an_unknown_cost_is_not_nothing() -> None:
    agreed = [sure("a", "elm"), sure("b", "elm")]
    tally = sums(panel(agreed, a=None, b=1.0), panel(agreed))
    assert tally.whole[[OfAll.PANELS, OfAll.PRICED, OfAll.COST]].tolist() == [2, 0, 0]
    assert member(tally, "b", OfMember.PRICED) == 1
    assert member(tally, "a", OfMember.PRICED) == 0


def test_other_money_is_left_out() -> None:
    agreed = [sure("a", "elm"), sure("b", "elm")]
    dollars = panel(agreed, a=2.0, b=1.0)._replace(currency="USD")
    tally = sums(panel(agreed, a=2.0, b=1.0), dollars)
    assert tally.currency == "EUR"
    assert tally.whole[[OfAll.PANELS, OfAll.PRICED, OfAll.COST]].tolist() == [2, 1, 3]


def test_who_was_weighed_is_counted_apart() -> None:
    agreed = [sure("a", "elm"), sure("b", "elm")]
    tally = sums(panel(agreed), panel(agreed, pivotal=["b"]), panel(agreed, pivotal=[]))
    assert [member(tally, "b", what) for what in (OfMember.WEIGHED, OfMember.PIVOTAL)] == [2, 1]
    assert [member(tally, "a", what) for what in (OfMember.WEIGHED, OfMember.PIVOTAL)] == [2, 0]


@given(st.lists(panels(least=1), min_size=1, max_size=6), st.integers(0, 2**31))
def test_what_is_written_reads_the_same_and_adds_up_in_any_order(
    those: list[Sequence[Ballot]], seed: int
) -> None:
    all_ = [
        panel(ballots)._replace(costs={ballot.member: 1.0 for ballot in ballots}, currency="EUR")
        for ballots in those
    ]
    whole = sums(*all_)
    shuffled = random.Random(seed).sample(all_, len(all_))
    parts = [sums(*shuffled[::2]), sums(*shuffled[1::2])]
    total = Tally()
    for part in parts:
        total.add(read_tally(write_tally(part)))
    order = [total.names.index(name) for name in whole.names]
    assert sorted(total.names) == sorted(whole.names)
    np.testing.assert_allclose(total.members[:, order], whole.members)
    np.testing.assert_allclose(total.pairs[:, order][:, :, order], whole.pairs)
    np.testing.assert_allclose(total.whole, whole.whole)


def test_more_members_than_a_router_has_are_left_out() -> None:
    tally = Tally(most=3)
    tally.add(counted(panel([sure(name, "elm") for name in "ab"])))
    tally.add(counted(panel([sure(name, "elm") for name in "bcde"])))
    assert tally.names == ("a", "b", "c")
    assert tally.crowded
    assert tally.whole[OfAll.PANELS] == 2
    assert pair(tally, "b", "c", OfPair.PANELS) == 1
    assert pair(tally, "a", "c", OfPair.PANELS) == 0


def test_nothing_is_added_by_nobody() -> None:
    tally = Tally()
    tally.add(Counts.of())
    assert write_tally(tally) == write_tally(Tally())


def test_numbers_from_both_ends_of_the_scale_have_a_distance() -> None:
    for far, distance in ((1e299, 2e299), (1e308, FARTHEST)):
        tally = sums(panel([number("a", -far), number("b", far)], MEDIAN))
        assert pair(tally, "a", "b", OfPair.DIFFERENCE) == distance
    many = sums(*[panel([number("a", -1e308, -1e308), number("b", 1e308, 1e308)], MEDIAN)] * 100)
    assert pair(many, "a", "b", OfPair.DIFFERENCE) == pytest.approx(200 * FARTHEST)
