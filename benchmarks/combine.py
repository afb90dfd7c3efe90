"""What combining alone costs: `python -m benchmarks.combine` writes build/combine.json.

CPU microseconds per call and per item (a row, or an answer that has none), members' answers already read:
five members of 1,000 classes; five members and a batch of 256 rows of 10 classes; five structures, texts and
tensors.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from services.aggregator.answers import (
    Ballot,
    Calls,
    Classes,
    Numbers,
    Structure,
    Tensors,
    Text,
    ToolCall,
)
from services.aggregator.canonical import Json
from services.aggregator.combiners import COMBINERS
from services.aggregator.learnt import Learnt
from services.aggregator.recipe import Options, Recipe
from services.aggregator.stopping import Count
from services.aggregator.tolerance import Tolerance

MEMBERS = tuple(f"m{place}" for place in range(5))
WRITTEN = Path("build/combine.json")
ROUNDS, SECONDS = 5, 0.05


class Cost(NamedTuple):
    """CPU microseconds of one case."""

    case: str
    method: str
    call: float
    item: float


def microseconds(work: Callable[[], object]) -> float:
    """CPU time of one call, the least of a few rounds: what disturbs it only adds."""
    began, calls = time.process_time(), 0
    while time.process_time() - began < SECONDS:
        work()
        calls += 1
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(calls):
            work()
        best = min(best, time.process_time() - began)
    return best / calls * 1e6


def classifiers(rng: np.random.Generator, rows: int, labels: int) -> list[Ballot]:
    """Members with probabilities over the same labels."""
    names = tuple(f"class {place}" for place in range(labels))
    spreads = [rng.dirichlet(np.ones(labels), size=rows) for _ in MEMBERS]
    return [
        Ballot(member, Classes(names, spread.argmax(axis=1), spread), None, spread.max(axis=1))
        for member, spread in zip(MEMBERS, spreads, strict=True)
    ]


def learnt(ballots: Sequence[Ballot]) -> Learnt:
    """A meta-model for them."""
    answer = ballots[0].answer
    labels = answer.labels if isinstance(answer, Classes) else ()
    outputs = max(len(labels), 1)
    columns = outputs * len(MEMBERS)
    return Learnt(
        MEMBERS,
        labels,
        np.ones((outputs, columns)),
        np.zeros(outputs),
        np.zeros(columns),
        "softmax" if labels else "linear",
    )


def order(place: int) -> dict[str, Json]:
    """A structure as a model would extract it from a letter: ten fields, one of them disputed."""
    lines: list[Json] = [{"article": f"A{line}", "count": line, "price": 9.99} for line in range(2)]
    return {"customer": "Ada", "total": 19.98 + place % 2, "lines": lines, "address": {"city": "Paris"}}


def costs_of(case: str, ballots: Sequence[Ballot], methods: Sequence[str], options: Options) -> list[Cost]:
    """Every method on the same ballots."""
    items = ballots[0].answer.rows
    found = []
    for method in methods:
        recipe = Recipe(method, options=options)
        call = microseconds(lambda recipe=recipe: COMBINERS[recipe.method](ballots, recipe))  # type: ignore[misc]
        found.append(Cost(case, method, call, call / items))
    return found


def classes(rng: np.random.Generator) -> list[Cost]:
    """The two cases of probabilities, and numbers."""
    methods = ["vote", "average", "weighted_average", "max_confidence", "median", "log_pool", "stacking"]
    found = []
    for case, rows, labels in (("5 x 1,000 classes", 1, 1000), ("256 x 5 x 10 classes", 256, 10)):
        ballots = classifiers(rng, rows, labels)
        found += costs_of(case, ballots, methods, Options(learnt=learnt(ballots)))
    numbers = [Ballot(member, Numbers(rng.normal(size=256)), 1.0) for member in MEMBERS]
    numeric = ["average", "weighted_average", "median", "stacking"]
    return found + costs_of("256 x 5 numbers", numbers, numeric, Options(learnt=learnt(numbers)))


def wholes(rng: np.random.Generator) -> list[Cost]:
    """Answers that are one each."""
    structures = [Ballot(member, Structure(order(place))) for place, member in enumerate(MEMBERS)]
    calls = [Ballot(member, Calls((ToolCall("buy", order(at)),))) for at, member in enumerate(MEMBERS)]
    near = Tolerance(relative=1e-9)
    texts = [Ballot(member, Text(f"text {place}")) for place, member in enumerate(MEMBERS)]
    tensors = [Ballot(member, Tensors({"p": rng.normal(size=(256, 10))})) for member in MEMBERS]
    return [
        *costs_of("5 structures", structures, ["vote", "json_majority"], Options(tolerance=near)),
        *costs_of("by field", structures, ["json_majority"], Options(tolerance=near, by_field=True)),
        *costs_of("5 tool calls", calls, ["json_majority"], Options(tolerance=near)),
        *costs_of(
            "5 texts, dimension 384", texts, ["semantic_mean"], Options(vectors=rng.normal(size=(5, 384)))
        ),
        *costs_of("5 tensors [256, 10]", tensors, ["average", "median"], Options()),
    ]


def counting(rng: np.random.Generator) -> list[Cost]:
    """Whether a vote is settled, asked after each of five arrivals."""
    found = []
    for case, rows, labels in (("5 arrivals", 1, 1000), ("5 arrivals of 256", 256, 10)):
        answers = [ballot.answer for ballot in classifiers(rng, rows, labels)]

        def work(answers: Sequence[object] = answers) -> bool:
            count = Count([None] * len(answers), 3)
            for member, answer in enumerate(answers):
                count.hear(member, answer)  # type: ignore[arg-type]
                settled = count.settled
            return settled

        call = microseconds(work)
        found.append(Cost(case, "early stop", call, call / rows))
    return found


def main() -> None:
    """Print the table and write it."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    rng = np.random.default_rng(4)
    found = [*classes(rng), *wholes(rng), *counting(rng)]
    print(f"{'':24} {'method':18} {'µs per call':>12} {'µs per item':>12}")
    for cost in found:
        print(f"{cost.case:24} {cost.method:18} {cost.call:12.1f} {cost.item:12.2f}")
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_text(json.dumps([cost._asdict() for cost in found], indent=2))


if __name__ == "__main__":
    main()
