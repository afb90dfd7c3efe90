"""Twenty-five features at once: what is falsely called drifting in an analysis, by whom, and how often."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from services.drift.analysis import analyse
from services.drift.baselines import Baseline
from services.drift.cells.blob import Profile
from tests.drift.proofs.nulls import Rate
from tests.drift.proofs.path import baseline_of

NUMERIC, CATEGORICAL = 20, 5
REFERENCE = 2000
# Of the features that come first, in the family that has some that drift.
DRIFTING = 5
Table = tuple[NDArray[np.float64], NDArray[np.str_]]
Sample = Callable[[Generator, int, bool], Table]


def independent(rng: Generator, rows: int, later: bool) -> Table:
    """No feature knows of another."""
    return rng.normal(size=(rows, NUMERIC)), rng.choice(list("abcde"), (rows, CATEGORICAL))


def alike(rng: Generator, rows: int, later: bool) -> Table:
    """All features share most of what moves them: correlation 0.8."""
    shared = rng.normal(size=(rows, 1))
    values = np.sqrt(0.8) * shared + np.sqrt(0.2) * rng.normal(size=(rows, NUMERIC + CATEGORICAL))
    names = np.array(list("abcde"))[np.clip(np.floor(values[:, NUMERIC:] + 2.5), 0, 4).astype(int)]
    return values[:, :NUMERIC], names


def some_drifting(rng: Generator, rows: int, later: bool) -> Table:
    """Five features have moved by half a standard deviation; what else is called drifting is false."""
    numbers, names = independent(rng, rows, later)
    numbers[:, :DRIFTING] += 0.5 * later
    return numbers, names


FAMILIES: dict[str, Sample] = {
    "independent": independent,
    "correlated": alike,
    "five of 25 drift": some_drifting,
}


def baseline_from(table: Table) -> Baseline:
    """A baseline of named columns."""
    numbers, names = table
    numeric = {f"n{index:02}": column.tolist() for index, column in enumerate(numbers.T)}
    return baseline_of(numeric, {f"c{index}": column.tolist() for index, column in enumerate(names.T)})


def window_from(baseline: Baseline, table: Table) -> Profile:
    """The same columns as a window, counted as logged rows are."""
    numbers, names = table
    numeric = {f"n{index:02}": column for index, column in enumerate(numbers.T)}
    columns: dict[str, Any] = numeric | {f"c{index}": column.tolist() for index, column in enumerate(names.T)}
    tallies = [feature.frame.count(columns[feature.name]) for feature in baseline.features]
    return Profile.of("1-0", len(numbers), tallies)


def family_rates(name: str, rows: int, runs: int, seed: int) -> tuple[Rate, float]:
    """How many analyses have a false discovery, and the mean share of false ones among the discoveries."""
    rng = np.random.default_rng([seed, rows])
    sample, shares, moved = FAMILIES[name], [], set[str]()
    if name == "five of 25 drift":
        moved = {f"n{index:02}" for index in range(DRIFTING)}
    for _ in range(runs):
        baseline = baseline_from(sample(rng, REFERENCE, False))
        found = analyse(baseline, window_from(baseline, sample(rng, rows, True)))
        named = [one.feature.name for one in found.features if one.verdict.significant]
        shares.append(sum(name not in moved for name in named) / max(len(named), 1))
    return Rate(sum(share > 0 for share in shares), runs), float(np.mean(shares))
