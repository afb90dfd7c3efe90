"""How often each test errs under no drift, and how often it finds a planted shift: `make calibration`.

Writes build/calibration.json. It fails where a rate is above 5 %, or below 4 % where the test is not
conservative by its nature, by more than chance allows: at DOUBT for each of some hundred rates.
"""

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from services.drift.statistics.chi_square import CHI_SQUARE
from tests.drift.proofs.families import FAMILIES, family_rates
from tests.drift.proofs.nulls import (
    CATEGORIES,
    LEVEL,
    NUMBERS,
    RATIOS,
    Rate,
    below,
    category_nulls,
    missing_nulls,
    number_nulls,
    shares,
    sizes,
)
from tests.drift.proofs.shifts import SHIFTS, found_rates

DOUBT = 1e-4
LEAST = 0.04
SMALLER = (50, 200)
Row = dict[str, Any]


class Effort(NamedTuple):
    """Runs for each rate: categories are drawn by the thousand, numbers need a grid each."""

    categories: int
    numbers: int
    families: int
    power: int


LONG = Effort(4000, 1000, 500, 200)
SHORT = Effort(300, 60, 40, 20)


def told(name: str, found: Rate, conservative: bool = True, **about: Any) -> Row:
    """A rate with its 95 % interval, and whether it is what was promised."""
    holds = found.at_least(DOUBT) <= LEVEL and (conservative or found.at_most(DOUBT) >= LEAST)
    low, high = found.at_least(), found.at_most()
    numbers = {"runs": found.runs, "rejected": found.share, "low": low, "high": high, "holds": holds}
    return {"p": name, **about, "conservative": conservative, **numbers}


def categories(effort: Effort, seed: int) -> Iterator[Row]:
    """Chi-square, and Fisher's test where a 2 x 2 table is sparse."""
    for kind in ("even", "one over rank"):
        for many in CATEGORIES:
            for ratio in RATIOS:
                for smaller in SMALLER:
                    rows = sizes(ratio, smaller)
                    rng = np.random.default_rng([seed, many, smaller, rows[0], len(kind)])
                    tests = list(category_nulls(rng, kind, many, rows, effort.categories))
                    # Its law is that of chi-square where no column was merged, nor is close to it.
                    filled = shares(kind, many).min() * smaller >= 10
                    for method in {test.method for test in tests}:
                        some = [test.p_value for test in tests if test.method == method]
                        exact = filled and method == CHI_SQUARE and many > 2
                        about = {"kind": kind, "categories": many, "n": rows[0], "m": rows[1]}
                        if len(some) >= effort.categories / 10:
                            yield told(method, below([*some]), not exact, **about)


def numbers(effort: Effort, seed: int) -> Iterator[Row]:
    """Kolmogorov-Smirnov from cells, the test on coarse bins, the doubled minimum of both; PSI's 95 %."""
    for kind in NUMBERS:
        for ratio in RATIOS:
            for smaller in SMALLER:
                rows = sizes(ratio, smaller)
                rng = np.random.default_rng([seed, smaller, rows[0], len(kind)])
                found = list(number_nulls(rng, kind, rows, effort.numbers))
                about: Row = {"kind": kind, "n": rows[0], "m": rows[1]}
                yield told("decision", below([one.p_value for one in found]), **about)
                yield told("ks", below([one.ks.p_value if one.ks else None for one in found]), **about)
                tests = [one.chi_square.p_value if one.chi_square else None for one in found]
                yield told("coarse bins", below(tests), **about)
                beyond = sum(one.psi is not None and one.psi.value > one.psi.null_q95 for one in found)
                # No test is made of it: it tells a reader what no drift would show.
                yield told("psi above null_q95", Rate(beyond, len(found)), **about) | {"holds": None}


def missing(effort: Effort, seed: int) -> Iterator[Row]:
    """The test of a rate of missing values."""
    for rate in (0.001, 0.01, 0.1, 0.5):
        for ratio in RATIOS:
            for smaller in SMALLER:
                rows = sizes(ratio, smaller)
                rng = np.random.default_rng([seed, smaller, rows[0]])
                p_values = list(missing_nulls(rng, rate, rows, effort.categories))
                yield told("missingness", below([*p_values]), rate=rate, n=rows[0], m=rows[1])


def families(effort: Effort, seed: int) -> Iterator[Row]:
    """Benjamini-Hochberg over 25 features: false discoveries among all, by analysis."""
    for name in FAMILIES:
        for m in (100, 1000):
            rate, discovered = family_rates(name, m, effort.families, seed)
            yield told("any false discovery", rate, family=name, n=2000, m=m) | {
                "false_discovery_rate": discovered,
                "holds": discovered <= LEVEL + 4 * (LEVEL / effort.families) ** 0.5,
            }


def power(effort: Effort, seed: int) -> Iterator[Row]:
    """Planted shifts: how often they are significant among 25 features, and what is decided."""
    for name in SHIFTS:
        for m in (100, 500, 2000, 10_000):
            yield {
                "shift": name,
                "n": 10_000,
                "m": m,
                **found_rates(name, m, effort.power, seed),
                "holds": None,
            }


SECTIONS = {
    "categories": categories, "missing": missing, "families": families, "power": power, "numbers": numbers,
}  # fmt: skip


def section(name: str, effort: Effort) -> list[Row]:
    """All rows of one section."""
    return list(SECTIONS[name](effort, 2024))


def main() -> int:
    """All of it; 1 where a promise is broken."""
    began = time.monotonic()
    with ProcessPoolExecutor() as pool:
        work = {name: pool.submit(section, name, LONG) for name in SECTIONS}
        found: dict[str, Any] = {name: some.result() for name, some in work.items()}
    broken = [row for rows in found.values() for row in rows if row["holds"] is False]
    target = Path("build/calibration.json")
    target.parent.mkdir(exist_ok=True)
    whole = {"doubt": DOUBT, **found, "broken": broken, "seconds": round(time.monotonic() - began, 1)}
    target.write_text(json.dumps(whole, indent=1) + "\n")
    rates = sum(row["holds"] is not None for rows in found.values() for row in rows)
    sys.stdout.write(f"{rates} rates, {len(broken)} broken promises: {target}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
