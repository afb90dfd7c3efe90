"""Shifts of known size planted in one of twenty-five features: what is said of them."""

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from services.drift.analysis import analyse
from services.drift.baselines import Baseline
from services.drift.verdict import Level
from tests.drift.proofs.families import Table, baseline_from, independent, window_from

Plant = Callable[[Generator, Table], None]
FEATURE, CATEGORY = "n00", "c0"


def moved(by: float, scale: float = 1.0) -> Plant:
    """The feature's mean moved by that many standard deviations, and its scale multiplied."""

    def plant(_: Generator, table: Table) -> None:
        table[0][:, 0] = table[0][:, 0] * scale + by

    return plant


def mixed(share: float) -> Plant:
    """So large a share of all rows has the first of five equal categories instead of its own."""

    def plant(rng: Generator, table: Table) -> None:
        table[1][rng.random(len(table[1])) < share, 0] = "a"

    return plant


def lost(share: float) -> Plant:
    """So large a share of all rows lacks the feature."""

    def plant(rng: Generator, table: Table) -> None:
        table[0][rng.random(len(table[0])) < share, 0] = np.nan

    return plant


SHIFTS: dict[str, Plant] = {
    "mean + 0.1 sd": moved(0.1),
    "mean + 0.25 sd": moved(0.25),
    "mean + 0.5 sd": moved(0.5),
    "mean + 1 sd": moved(1.0),
    "scale × 1.25": moved(0.0, 1.25),
    "scale × 1.5": moved(0.0, 1.5),
    "a category + 5 points": mixed(0.0625),
    "a category + 20 points": mixed(0.25),
    "1 % more missing": lost(0.01),
    "5 % more missing": lost(0.05),
}


def found_rates(name: str, rows: int, runs: int, seed: int) -> dict[str, float]:
    """Shares of the runs in which the shift was significant, was decided WARNING, was decided ALERT."""
    rng = np.random.default_rng([seed, rows])
    baseline = baseline_from(independent(rng, 10_000, False))
    ends: Counter[str] = Counter()
    for _ in range(runs):
        ends.update(_said(rng, baseline, SHIFTS[name], rows))
    return {end: ends[end] / runs for end in ("significant", "warning", "alert")}


def _said(rng: Generator, baseline: Baseline, plant: Plant, rows: int) -> list[str]:
    table = independent(rng, rows, True)
    plant(rng, table)
    wanted = CATEGORY if plant.__qualname__.startswith("mixed") else FEATURE
    found = analyse(baseline, window_from(baseline, table))
    one = next(each for each in found.features if each.feature.name == wanted)
    words = {Level.WARNING: ["warning"], Level.ALERT: ["alert"]}.get(one.verdict.decision, [])
    return [*words, "significant"] if one.verdict.significant or one.verdict.missingness_changed else words
