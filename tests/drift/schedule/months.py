"""Months of hourly looks: how often chance alone is established, and how soon planted shifts are.

`make alert-power` writes build/alert_power.json. Every look compares a new hour with the same finite
baseline, so that looks depend on each other as they do in service. Each feature's p is that of a z-test of
means, which is exact here: what is measured is the evidence, not the test.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from services.drift.schedule.evalues import LEAST_P, NEAR_ONE
from services.drift.schedule.evidence import RATE

Floats = NDArray[np.float64]
LOOKS, FEATURES, BASELINE = 720, 25, 10_000


def calibrated(p: Floats) -> Floats:
    """`evalues.calibrate` of many at once."""
    log = np.log(np.maximum(p, LEAST_P))
    near = np.minimum(log, -NEAR_ONE)
    exact = (1 - np.exp(near) + np.exp(near) * near) / (np.exp(near) * near**2)
    return np.where(-log < NEAR_ONE, 0.5 - log / 6 + log**2 / 24, exact)


def month(rng: np.random.Generator, rows: int, shift: float, looks: int = LOOKS) -> tuple[Floats, Floats]:
    """p-values [looks, features] of a month, and the evidence after each look; the first feature is shifted
    by so many standard deviations. Missing values are as they were: e-values of two tests, averaged."""
    base = rng.normal(0, BASELINE**-0.5, FEATURES)
    means = rng.normal(0, rows**-0.5, (looks, FEATURES))
    means[:, 0] += shift
    z = (means - base) / (1 / rows + 1 / BASELINE) ** 0.5
    p = 2 * special.ndtr(-np.abs(z))
    e = (calibrated(p) + 0.5) / 2
    return p, np.cumsum(e, axis=0) / LOOKS


def established(evidence: Floats) -> NDArray[np.bool_]:
    """e-BH after each look: which features have fallen."""
    ranks = np.arange(1, FEATURES + 1)
    ordered = -np.sort(-evidence, axis=1)
    passing = np.where(ordered * RATE * ranks >= FEATURES, ordered, np.inf)
    found: NDArray[np.bool_] = evidence >= passing.min(axis=1, keepdims=True)
    return found


def nothing(months: int, seed: int) -> dict[str, Any]:
    """Months in which nothing drifts: how many had something established at any look, and how many would have
    by Benjamini-Hochberg at every look."""
    rng = np.random.default_rng(seed)
    ours = naive = 0
    for _ in range(months):
        p, evidence = month(rng, 1_000, 0.0)
        ours += bool(established(evidence).any())
        ranked = np.sort(p, axis=1) * FEATURES / np.arange(1, FEATURES + 1)
        naive += bool((ranked <= RATE).any())
    return {"months": months, "false_alarms": ours, "by_each_look_alone": naive}


def power(rows: int, shift: float, runs: int, seed: int) -> dict[str, Any]:
    """Looks until a planted shift is established, over runs of four days."""
    rng = np.random.default_rng([seed, rows, int(shift * 100)])
    waits = []
    for _ in range(runs):
        found = established(month(rng, rows, shift, 96)[1])[:, 0]
        waits.append(int(found.argmax()) + 1 if found.any() else None)
    within = {
        str(hours): sum(wait is not None and wait <= hours for wait in waits) / runs
        for hours in (1, 6, 24, 96)
    }
    return {"rows": rows, "shift": shift, "established_within_hours": within}


def main(out: str = "build/alert_power.json") -> None:
    """Measure, and write it down."""
    told = {
        "nothing": nothing(1_000, 20261122),
        "power": [
            power(rows, shift, 400, 7)
            for rows in (100, 300, 1_000, 10_000)
            for shift in (0.1, 0.2, 0.3, 0.5, 1.0)
        ],
    }
    Path(out).parent.mkdir(exist_ok=True)
    Path(out).write_text(json.dumps(told, indent=1))
    print(json.dumps(told))  # noqa: T201 (its answer)


if __name__ == "__main__":
    main(*sys.argv[1:2])
