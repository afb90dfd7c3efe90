"""Plurality of structures, or of tool calls: of the whole, or field by field where asked.

    support(answer) = sum over members of share(member) * [member's answer is the same]

The same means equal once canonical (see `canonical`), but for numbers within the recipe's tolerance of each
other. Being within a tolerance is not transitive, so answers are not put into clusters, which would depend
on where one begins: each is judged by the weight of those that are the same as it, and the best is taken as
it stands, so that every number is one that a member gave. Shares are the declared weights, or the same for
all where none are declared. Ties: `plurality`. The verdict's confidence is the winner's support.

Field by field the answer may be an object that no member gave; a note says so, and the confidence is the
least support of any field. How fields that some members lack count: `fields`. Tool calls are first voted on
by the names of the functions in their order; then, among the members that made those calls, the arguments of
each by field.

Reference: B. Parhami, Voting algorithms, IEEE Transactions on Reliability 43 (1994) (approximate plurality).

>>> ballots = [Ballot(name, Structure({"total": total})) for name, total in zip("abc", (19.99, 20, 35))]
>>> recipe = Recipe("json_majority", options=Options(tolerance=Tolerance(absolute=0.05)))
>>> combine(ballots, recipe).answer, combine(ballots, recipe).confidence.round(3).tolist()
(Taken(ballot=0), [0.667])
"""

from collections.abc import Sequence

import numpy as np

from services.aggregator.answers import (
    Ballot,
    Calls,
    Floats,
    Structure,
    Taken,
    ToolCall,
    Verdict,
)
from services.aggregator.canonical import is_rounded
from services.aggregator.combiners.fields import Member, Merge
from services.aggregator.combiners.panel import answers, known_confidence, refusal, uniform
from services.aggregator.combiners.plurality import plurality, sameness
from services.aggregator.recipe import PLAIN, Recipe
from services.aggregator.weights import WeightSource, shares

Whole = Structure | Calls


def combine(ballots: Sequence[Ballot], recipe: Recipe = PLAIN) -> Verdict:
    """The plurality among structures or tool calls."""
    uniform(ballots)
    wholes: list[Structure] | list[Calls] = answers(ballots, Structure) or answers(ballots, Calls)
    if not wholes:
        raise refusal(ballots, "json_majority")
    weights = shares(ballots, recipe.source, WeightSource.EQUAL)
    if recipe.options.by_field:
        return _by_field(ballots, wholes, weights, recipe)
    same, apart = sameness([whole.value for whole in wholes], recipe.options.tolerance)
    winner, tied = plurality(same, apart, weights[:, 0], known_confidence(ballots)[:, 0])
    notes = _rounded(wholes[winner])
    return _verdict(Taken(winner), weights, tied, float(same[winner] @ weights[:, 0]), notes)


def _by_field(ballots: Sequence[Ballot], wholes: Sequence[Whole], weights: Floats, recipe: Recipe) -> Verdict:
    merge = Merge(recipe.options.tolerance)
    merged = _merged(merge, wholes, weights[:, 0].tolist(), known_confidence(ballots)[:, 0].tolist())
    notes = (
        [f"level at {', '.join(merge.ties)}: confidence or the declared order decided"] if merge.ties else []
    )
    notes += _rounded(merged)
    equal = [whole.key == merged.key for whole in wholes]
    if any(equal):
        return _verdict(Taken(equal.index(True)), weights, bool(merge.ties), merge.least, notes)
    notes.append("no member gave this answer as a whole: its fields won one by one")
    return _verdict(merged, weights, bool(merge.ties), merge.least, notes)


def _merged(merge: Merge, wholes: Sequence[Whole], weights: list[float], confidence: list[float]) -> Whole:
    calls = [whole.calls for whole in wholes if isinstance(whole, Calls)]
    if not calls:
        return Structure(
            merge.merge(list(zip((each.value for each in wholes), weights, confidence, strict=True)))
        )
    # As arrays: which functions, in which order, is one question.
    named: list[Member] = [
        ([call.name for call in made], weight, sure)
        for made, weight, sure in zip(calls, weights, confidence, strict=True)
    ]
    names = merge.merge(named)
    agreeing = [
        (made, weight, sure)
        for made, (own, weight, sure) in zip(calls, named, strict=True)
        if own == names and weight > 0
    ]
    return Calls(
        tuple(
            ToolCall(
                first.name,
                merge.merge(
                    [(made[place].arguments, weight, sure) for made, weight, sure in agreeing], f"/{place}"
                ),
            )
            for place, first in enumerate(agreeing[0][0])
        )
    )


def _rounded(whole: Whole) -> list[str]:
    # Arguments of tools are told as text.
    if isinstance(whole, Calls) or not is_rounded(whole.value):
        return []
    return ["integers beyond 2^53 are told as the nearest number that a JSON value of protobuf holds"]


def _verdict(
    answer: Whole | Taken, weights: Floats, tied: bool, support: float, notes: Sequence[str] = ()
) -> Verdict:
    return Verdict(answer, weights, np.array([tied]), tuple(notes), np.array([min(support, 1.0)]))
