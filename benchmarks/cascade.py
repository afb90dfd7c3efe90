"""What a cascade saves: `python -m benchmarks.cascade`.

The best single model of digits is dear. A cheaper one answers first, and the dear one where the cheap one is
not confident enough; which one, and how confident, is chosen on one half of the unseen rows, among CHOICES,
as the cheapest that makes no more errors than the best alone. What is reported is of the other half, asked
through an aggregator: mean cost, accuracy, and the paired 95 % interval of the difference (Agresti and Min's,
services/aggregator/divergence/intervals.py). Writes build/cascade.json.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from turnout.aggregator.v1.aggregator_service_pb2 import Plan
from turnout.router.v1.ensemble_pb2 import Cascade
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from benchmarks.digits import Panel, enlist, plan_of, served, unseen
from examples.fleet.catalog import FLEET
from examples.fleet.data import column_indices
from examples.fleet.training import Classifier, train
from services.aggregator.divergence.intervals import paired

BEST = "digits-svm"
CHOICES = tuple(
    (name, least)
    for name in ("digits-right", "digits-top", "whole-logistic", "whole-neighbours")
    for least in (0.75, 0.8, 0.9, 0.95, 0.99)
)
ROWS = 1_197
AIM = 0.5
WRITTEN = Path("build/cascade.json")


class Run(NamedTuple):
    """What came of rows: whether each answer was right, what each cost in USD, and how many escalated."""

    right: list[bool]
    costs: list[float]
    escalated: int


class Choice(NamedTuple):
    """Who answers first, and the confidence from which that will do; cost in USD and errors on the rows that
    it was chosen on."""

    cost: float
    first: str
    least: float
    errors: int


def choose(rows: Sequence[int]) -> Choice:
    """The cheapest of CHOICES that errs no more often than the best alone on these rows. Raises ValueError
    where none is."""
    truth = np.array(unseen(ROWS)[1])[list(rows)]
    best = truth == said(BEST, rows)[0]
    found = []
    for first, least in CHOICES:
        labels, sure = said(first, rows)
        enough = sure >= least
        right = np.where(enough, labels == truth, best)
        cost = FLEET[first].price + float((~enough).mean()) * FLEET[BEST].price
        found.append(Choice(cost, first, least, int((~right).sum())))
    return min(one for one in found if one.errors <= (~best).sum())


@cache
def fitted(name: str) -> Classifier:
    """The model as its server trains it."""
    return train(name)


def said(name: str, rows: Sequence[int]) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Labels and confidences of a model, asked without a server."""
    model = FLEET[name]
    seen = np.array(unseen(ROWS)[0])[list(rows)][:, column_indices(model.dataset, model.columns)]
    names = np.array(model.classes)
    if not model.probabilities:
        return names[fitted(name).predict(seen)], np.ones(len(rows))
    spread = fitted(name).predict_proba(seen)
    return names[spread.argmax(axis=1)], spread.max(axis=1)


async def run(panel: Panel, plan: Plan, rows: Sequence[int]) -> Run:
    """Ask about these of the unseen rows."""
    features, labels = unseen(ROWS)
    right, costs, escalated = [], [], 0
    for row in rows:
        reply = await panel.ask(plan, features[row], row)
        asked = [one for one in reply.participants if one.attempt]
        right.append(reply.output.classification.label == labels[row])
        costs.append(sum(one.cost.amount for one in asked))
        escalated += len(asked) > 1
    return Run(right, costs, escalated)


async def measure(choice: Choice, rows: Sequence[int]) -> tuple[Run, Run]:
    """The cascade, and the best model alone, on the same rows."""
    names = (choice.first, BEST)
    cascade = EnsembleStrategy(cascade=Cascade(order=names, min_confidence=choice.least))
    async with served(*names) as panel:
        ours = await run(panel, plan_of(names, cascade), rows)
        return ours, await run(panel, plan_of([BEST], EnsembleStrategy()), rows)


def main() -> None:
    """Choose, measure, print, write."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    enlist()
    choice = choose(range(ROWS // 2))
    ours, best = asyncio.run(measure(choice, range(ROWS // 2, ROWS)))
    share = sum(ours.costs) / sum(best.costs)
    accuracy, alone = float(np.mean(ours.right)), float(np.mean(best.right))
    count, pairs = len(ours.right), list(zip(ours.right, best.right, strict=True))
    difference, low, high = paired(count, pairs.count((True, False)), pairs.count((False, True)))
    print(f"{choice.first} from a confidence of {choice.least:g}, else {BEST} ({ours.escalated} of {count})")
    print(f"cost: {share:.2f} of the best alone (aim: at most {AIM}, {'held' if share <= AIM else 'missed'})")
    within = "the interval includes 0" if low <= 0 <= high else "the interval excludes 0"
    print(
        f"accuracy: {accuracy:.4f}, alone {alone:.4f};"
        f" difference {difference:+.4f}, 95 % from {low:+.4f} to {high:+.4f}: {within}"
    )
    told = {
        "choice": choice._asdict(),
        "rows": count,
        "cost_share": share,
        "aim": AIM,
        "escalated": ours.escalated,
        "accuracy": {"cascade": accuracy, "best": alone, "difference": difference, "interval": [low, high]},
    }
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
