"""`python -m tests.feedback.offpolicy.coverage`: how often intervals hold the truth; writes
build/off_policy.json."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from services.feedback.offpolicy import ESTIMATORS
from services.feedback.offpolicy.intervals import interval
from services.feedback.offpolicy.sample import Sample
from services.feedback.offpolicy.support import LEAST_ESS, effective_size, effective_units
from tests.feedback.offpolicy.worlds import WORLDS, World, world

RUNS = 2000
CONFIDENCE, WANTED = 0.95, 0.94


class Covered(NamedTuple):
    """Logs that were evaluated, and how many intervals held the truth: of the value, and of the difference to
    the logged policy."""

    evaluated: int
    value: Counter[str]
    difference: Counter[str]

    def worst(self) -> float:
        """The least share of intervals that held the truth."""
        return min(
            one / self.evaluated for counts in (self.value, self.difference) for one in counts.values()
        )


def covered(world: World, runs: int, seed: int = 11) -> Covered:
    """Draw logs and evaluate those that are not refused."""
    value, difference, evaluated = Counter[str](), Counter[str](), 0
    for run in range(runs):
        sample = world.log(np.random.default_rng([seed, run])).sample()
        if min(effective_size(sample.weights), effective_units(sample.weights, sample.units)) < LEAST_ESS:
            continue
        evaluated += 1
        _count(sample, world, value, difference)
    return Covered(evaluated, value, difference)


def _count(sample: Sample, world: World, value: Counter[str], difference: Counter[str]) -> None:
    mean = float(sample.rewards.mean())
    for name, estimate in ESTIMATORS.items():
        found = estimate(sample)
        if found.pull is None:
            continue
        low, high = interval(found.value, found.pull, sample.units, CONFIDENCE)
        value[name] += low <= world.value <= high
        if not np.isnan(world.logged):
            pull = found.pull - (sample.rewards - mean)
            low, high = interval(found.value - mean, pull, sample.units, CONFIDENCE)
            difference[name] += low <= world.value - world.logged <= high


def main(runs: int) -> int:
    """0 if every interval holds the truth often enough, less four standard errors of the simulation."""
    told, error = {}, (WANTED * (1 - WANTED) / runs) ** 0.5
    for name in WORLDS:
        found = covered(world(name), runs)
        told[name] = {
            "evaluated": found.evaluated,
            "refused": runs - found.evaluated,
            "value": {one: found.value[one] / found.evaluated for one in found.value},
            "difference": {one: found.difference[one] / found.evaluated for one in found.difference},
            "worst": found.worst(),
        }
        sys.stdout.write(f"{name}: {found.worst():.4f} at the least, of {found.evaluated} logs\n")
    build = Path("build")
    build.mkdir(exist_ok=True)
    report = {"confidence": CONFIDENCE, "runs": runs, "standard_error": error, "worlds": told}
    (build / "off_policy.json").write_text(json.dumps(report, indent=1) + "\n")
    return 0 if all(one["worst"] >= WANTED - 4 * error for one in told.values()) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else RUNS))
