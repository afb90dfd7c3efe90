"""Pairs of samples of one distribution, by the thousand, and how often a test calls them different."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import beta

from services.drift.cells import Frame, Tally, freeze
from services.drift.comparison import Comparison, Method, compare_all
from services.drift.reference import Reference
from services.drift.statistics import chi_square, missingness
from services.drift.statistics.chi_square import ChiSquare
from services.drift.statistics.counts import Pairs

LEVEL = 0.05
# Rows of the reference for each row of the window.
RATIOS = (0.01, 0.1, 1.0, 10.0, 100.0)
CATEGORIES = (2, 3, 5, 10, 30, 100, 300, 1000)
Draw = Callable[[Generator, int], NDArray[np.float64]]


class Rate(NamedTuple):
    """How often something happened."""

    hits: int
    runs: int

    @property
    def share(self) -> float:
        """Of runs."""
        return self.hits / self.runs

    def at_least(self, doubt: float = 0.025) -> float:
        """Clopper and Pearson's lower end: a smaller true share would give so many hits once in 1/doubt."""
        return float(beta.ppf(doubt, self.hits, self.runs - self.hits + 1)) if self.hits else 0.0

    def at_most(self, doubt: float = 0.025) -> float:
        """Their upper end."""
        lost = self.runs - self.hits
        return float(beta.ppf(1 - doubt, self.hits + 1, lost)) if lost else 1.0


def sizes(ratio: float, smaller: int) -> tuple[int, int]:
    """Rows of the reference and of the window, of which the smaller has `smaller`."""
    return (round(smaller * ratio), smaller) if ratio >= 1 else (smaller, round(smaller / ratio))


def shares(kind: str, categories: int) -> NDArray[np.float64]:
    """True shares of categories: all alike, or the k-th in proportion to 1/k."""
    weights = np.ones(categories) if kind == "even" else 1 / np.arange(1, categories + 1)
    return np.asarray(weights / weights.sum())


def category_nulls(
    rng: Generator, kind: str, categories: int, rows: tuple[int, int], runs: int
) -> list[ChiSquare]:
    """The test of categories on two samples of one distribution."""
    truth = shares(kind, categories)
    left, right = (rng.multinomial(size, truth, size=runs) for size in rows)
    found = chi_square.measure_many(Pairs.of(list(zip(left, right, strict=True))))
    return [test for test in found if test]


def missing_nulls(rng: Generator, rate: float, rows: tuple[int, int], runs: int) -> list[float]:
    """p-values of a rate of missing values that holds."""
    gone = [rng.binomial(size, rate, runs) for size in rows]
    left, right = (np.stack([size - some, some], axis=1) for size, some in zip(rows, gone, strict=True))
    found = missingness.measure_many(Pairs.of(list(zip(left, right, strict=True))))
    return [test.p_value for test in found if test]


def with_zeros(rng: Generator, size: int) -> NDArray[np.float64]:
    """An amount that a third of all have none of."""
    return np.where(rng.random(size) < 1 / 3, 0.0, rng.lognormal(3, 1, size))


NUMBERS: dict[str, Draw] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "rounded": lambda rng, size: rng.normal(40, 10, size).round(),
    "third of zeros": with_zeros,
    "few values": lambda rng, size: rng.poisson(2, size).astype(float),
}


def number_nulls(rng: Generator, kind: str, rows: tuple[int, int], runs: int) -> list[Comparison]:
    """Everything that is measured on two samples of one distribution of numbers."""
    draw, references, windows = NUMBERS[kind], list[tuple[Frame, Tally]](), list[Tally]()
    for _ in range(runs):
        reference = draw(rng, rows[0])
        grid = freeze(reference)
        references.append((grid, grid.count(reference)))
        windows.append(grid.count(draw(rng, rows[1])))
    return compare_all(Reference(references), windows, Method())


def below(p_values: list[float | None]) -> Rate:
    """How many are at most LEVEL; None counts as a silence, which is no false alarm."""
    return Rate(sum(p is not None and p <= LEVEL for p in p_values), len(p_values))
