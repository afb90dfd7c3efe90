"""Majorities of structures and of tool calls."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator.answers import Ballot, Calls, Structure, Taken, ToolCall, Verdict
from services.aggregator.combiners import fields
from services.aggregator.combiners.json_majority import combine
from services.aggregator.errors import CannotCombine
from services.aggregator.recipe import Options, Recipe
from services.aggregator.tolerance import Tolerance

steady = settings(derandomize=True, deadline=None, max_examples=60)


def said(member: str, value: Any, weight: float | None = None, confidence: float | None = None) -> Ballot:
    return Ballot(member, Structure(value), weight, None if confidence is None else np.array([confidence]))


def asked(member: str, *calls: tuple[str, Any]) -> Ballot:
    return Ballot(member, Calls(tuple(ToolCall(*call) for call in calls)))


def decide(*ballots: Ballot, **options: Any) -> Verdict:
    return combine(ballots, Recipe("json_majority", options=Options(**options)))


def value_of(verdict: Verdict, *ballots: Ballot) -> Any:
    answer = ballots[verdict.answer.ballot].answer if isinstance(verdict.answer, Taken) else verdict.answer
    assert isinstance(answer, Structure | Calls)
    return answer.value


def test_what_means_the_same_is_one_vote() -> None:
    verdict = decide(
        said("a", {"x": 2, "y": []}), said("b", {"y": [], "x": 1}), said("c", {"x": 1.0, "y": []})
    )
    assert verdict.answer == Taken(1)
    assert verdict.confidence == pytest.approx([2 / 3])
    assert not verdict.tied.any()


def test_weights_outvote_heads() -> None:
    assert decide(said("a", 1, 3.0), said("b", 2, 1.0), said("c", 2, 1.0)).answer == Taken(0)


def test_confidence_then_the_declared_order_settle_a_tie() -> None:
    verdict = decide(said("a", "x", confidence=0.2), said("b", "y", confidence=0.7))
    assert (verdict.answer, verdict.tied.tolist()) == (Taken(1), [True])
    verdict = decide(said("a", "x"), said("b", "y"))
    assert (verdict.answer, verdict.tied.tolist()) == (Taken(0), [True])


def test_arrays_keep_their_order_and_flags_are_no_numbers() -> None:
    assert decide(said("a", [1, 2]), said("b", [2, 1]), said("c", [2, 1])).answer == Taken(1)
    assert decide(said("a", True), said("b", 1), said("c", 1), tolerance=Tolerance(9)).answer == Taken(1)


def test_numbers_within_tolerance_are_one_vote_and_the_middle_one_is_taken() -> None:
    ballots = [said(name, {"sum": x}) for name, x in zip("abcd", (10.02, 9.99, 10.0, 17), strict=True)]
    assert decide(*ballots).tied.all()
    verdict = decide(*ballots, tolerance=Tolerance(absolute=0.05))
    assert verdict.answer == Taken(2)
    assert verdict.confidence == pytest.approx([0.75])
    assert not verdict.tied.any()
    assert decide(*ballots, tolerance=Tolerance(relative=0.01)).answer == Taken(2)


def test_every_number_of_a_structure_must_be_within_tolerance() -> None:
    ballots = [said("a", {"x": 1, "y": 1}), said("b", {"x": 1, "y": 2}), said("c", {"x": 1.1, "y": 2})]
    assert decide(*ballots, tolerance=Tolerance(0.2)).answer == Taken(1)


@steady
@given(
    values=st.lists(st.integers(0, 12), min_size=2, max_size=6),
    by_field=st.booleans(),
)
def test_the_answer_depends_on_the_order_only_where_it_is_a_tie(values: list[int], by_field: bool) -> None:
    """Numbers a step apart are the same, two steps apart not: chains, which clusters would cut by chance."""
    options = {"tolerance": Tolerance(absolute=0.15), "by_field": by_field}
    found = set()
    for order in itertools.islice(itertools.permutations(values), 30):
        ballots = [said(f"m{place}", {"n": value / 10}) for place, value in enumerate(order)]
        verdict = decide(*ballots, **options)
        if verdict.tied[0]:
            return
        found.add(value_of(verdict, *ballots)["n"])
    # Without a tie the best are near each other, and equally near to the others.
    assert max(found) - min(found) <= 0.1 + 1e-9


def test_a_member_of_no_weight_is_no_bridge() -> None:
    ballots = [said("a", 1.0, 1.0), said("idle", 1.1, 0.0), said("b", 1.2, 1.0), said("c", 1.0, 1.0)]
    assert decide(*ballots, tolerance=Tolerance(0.1)).answer == Taken(0)


def test_field_by_field_each_field_goes_to_its_own_majority() -> None:
    ballots = [
        said("a", {"city": "Paris", "age": 30, "tags": ["x"]}),
        said("b", {"city": "Paris", "age": 31, "tags": ["y"]}),
        said("c", {"city": "Lyon", "age": 31, "tags": ["x"]}),
    ]
    assert decide(*ballots).tied.all()
    verdict = decide(*ballots, by_field=True)
    assert value_of(verdict) == {"age": 31, "city": "Paris", "tags": ["x"]}
    assert verdict.notes == ("no member gave this answer as a whole: its fields won one by one",)
    assert verdict.confidence == pytest.approx([2 / 3])
    assert not verdict.tied.any()


def test_a_merged_answer_that_a_member_gave_is_that_members() -> None:
    ballots = [said("a", {"x": 2}), said("b", {"x": 1}), said("c", {"x": 1})]
    assert decide(*ballots, by_field=True).answer == Taken(1)


def test_an_absent_field_counts_against_the_field_and_not_against_its_values() -> None:
    few = [said("a", {"x": 1, "z": 9}), said("b", {"x": 1}), said("c", {"x": 1})]
    assert value_of(decide(*few, by_field=True), *few) == {"x": 1}
    most = [
        said("a", {"x": 1, "z": 8}),
        said("b", {"x": 1, "z": 9}),
        said("c", {"x": 1}),
        said("d", {"z": 8}),
    ]
    merged = decide(*most, by_field=True)
    assert value_of(merged, *most) == {"x": 1, "z": 8}


def test_nested_fields_are_voted_on_by_those_who_have_the_object() -> None:
    ballots = [
        said("a", {"to": {"zip": 1, "name": "A"}}),
        said("b", {"to": {"zip": 2, "name": "A"}}),
        said("c", {"to": {"zip": 2, "name": "B"}}),
        said("d", {"to": "nobody"}),
    ]
    assert value_of(decide(*ballots, by_field=True), *ballots) == {"to": {"name": "A", "zip": 2}}


def test_level_fields_are_told_by_path() -> None:
    verdict = decide(
        said("a", {"p/q": {"x": 1, "y": 0}}), said("b", {"p/q": {"x": 2, "y": 0}}), by_field=True
    )
    assert verdict.answer == Taken(0)
    assert verdict.tied.tolist() == [True]
    assert verdict.notes == ("level at /p~1q/x: confidence or the declared order decided",)


def test_numbers_in_fields_are_compared_within_tolerance() -> None:
    ballots = [said(name, {"x": x, "k": name}) for name, x in zip("abc", (1.0, 1.05, 3.0), strict=True)]
    verdict = decide(*ballots, by_field=True, tolerance=Tolerance(0.1))
    assert value_of(verdict, *ballots) == {"k": "a", "x": 1}


def test_tool_calls_are_compared_by_name_and_canonical_arguments() -> None:
    ballots = [
        asked("a", ("pay", {"sum": 1, "to": "x"})),
        asked("b", ("pay", {"to": "x", "sum": 1.0})),
        asked("c", ("refund", {"to": "x", "sum": 1})),
    ]
    assert decide(*ballots).answer == Taken(0)
    assert decide(*ballots).confidence == pytest.approx([2 / 3])


def test_arguments_of_tool_calls_are_merged_among_those_who_made_the_calls() -> None:
    ballots = [
        asked("a", ("find", {"q": "cat", "k": 3}), ("stop", {})),
        asked("b", ("find", {"q": "cat", "k": 5, "x": 0}), ("stop", {})),
        asked("c", ("find", {"q": "dog", "k": 5}), ("stop", {})),
        asked("d", ("find", {"q": "dog", "k": 7})),
    ]
    merged = decide(*ballots, by_field=True)
    assert isinstance(merged.answer, Calls)
    assert merged.answer.calls == (ToolCall("find", {"k": 5, "q": "cat"}), ToolCall("stop", {}))


def test_more_fields_than_can_be_voted_on_are_refused() -> None:
    big = {f"k{place}": place for place in range(fields.MOST_FIELDS + 1)}
    with pytest.raises(CannotCombine, match="at most 1000 fields"):
        decide(said("a", big), said("b", big), by_field=True)
    assert decide(said("a", big), said("b", big)).answer == Taken(0)


@pytest.mark.parametrize("by_field", [False, True])
def test_integers_that_cannot_be_told_are_spoken_of(by_field: bool) -> None:
    exact, rounded = {"id": 2**53, "of": [1]}, {"id": 1, "of": [{"n": -(2**53) - 1}]}
    assert decide(said("a", exact), said("b", exact), by_field=by_field).notes == ()
    (note,) = decide(said("a", rounded), said("b", rounded), by_field=by_field).notes
    assert "beyond 2^53" in note
    # Arguments are told as the text that they came in.
    calls = [asked(name, ("find", rounded)) for name in "ab"]
    assert decide(*calls, by_field=by_field).notes == ()
