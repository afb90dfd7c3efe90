"""One wild value among ten thousand: what is decided must be what is decided without it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import Generator

from services.drift.analysis import Finding, analyse
from services.drift.cells.blob import Profile
from tests.drift.proofs.path import baseline_of

ROWS = 10_000
SHIFTS = (0.0, 0.5, 1.0)
# In standard deviations of the feature, or as they are.
WILD: dict[str, float] = {
    "1e308": 1e308, "-1e308": -1e308, "10^6 sd": 1e6, "-10^6 sd": -1e6, "NaN": np.nan, "infinity": np.inf,
}  # fmt: skip
Columns = dict[str, list[float]]
Names = list[str]


def columns(rng: Generator, shift: float) -> tuple[Columns, Names]:
    """Three numbers of different kinds and a name; `shift` in standard deviations, or for the name in mix."""
    numbers = {
        "normal": rng.normal(shift, 1, ROWS),
        "skewed": np.exp(rng.normal(shift, 1, ROWS)),
        "rounded": rng.normal(40 + 10 * shift, 10, ROWS).round(),
    }
    mix = np.array([0.5, 0.3, 0.2]) + np.array([-0.3, 0.1, 0.2]) * shift
    names = rng.choice(["basic", "gold", "free"], ROWS, p=mix).tolist()
    return {name: column.tolist() for name, column in numbers.items()}, names


def spoilt(numbers: Columns, names: Names, wild: float) -> tuple[Columns, Names]:
    """One value of each column replaced: a number by the wild one, a name by one that nobody has."""
    others = {name: [wild, *column[1:]] for name, column in numbers.items()}
    return others, ["never seen", *names[1:]]


def decided(before: tuple[Columns, Names], after: tuple[Columns, Names]) -> dict[str, str]:
    """The decision on each feature, on missing values too, and on all."""
    baseline = baseline_of(before[0], {"name": before[1]})
    given: dict[str, Any] = {**after[0], "name": after[1]}
    tallies = [feature.frame.count(given[feature.name]) for feature in baseline.features]
    found: Finding = analyse(baseline, Profile.of("1-0", ROWS, tallies))
    said = {
        one.feature.name: f"{one.verdict.decision} {one.verdict.psi_level} {one.verdict.missingness_changed}"
        for one in found.features
    }
    return said | {"all": str(found.status)}


def changed(seed: int) -> Iterator[str]:
    """What a single value changed, in the baseline or in the window."""
    for shift in SHIFTS:
        rng = np.random.default_rng([seed, int(shift * 10)])
        before, after = columns(rng, 0.0), columns(rng, shift)
        plain = decided(before, after)
        for name, wild in WILD.items():
            for place, pair in {
                "baseline": (spoilt(*before, wild), after),
                "window": (before, spoilt(*after, wild)),
            }.items():
                said = decided(*pair)
                yield from (
                    f"[{seed}] {shift} sd, {name} in the {place}: {feature} was {plain[feature]}, is {word}"
                    for feature, word in said.items()
                    if word != plain[feature]
                )
