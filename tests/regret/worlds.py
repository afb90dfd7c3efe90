"""The worlds of conformance/regret.json: what each arm's mean is at each step, and when rewards arrive."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CASES: dict[str, Any] = json.loads((Path(__file__).parents[1] / "feedback/data/regret.json").read_text())[
    "cases"
]
# Rewards with normal noise are told as shares of this range; at σ = 1 none of 10⁵ falls outside it.
LOW, HIGH = -6.0, 8.0


@dataclass(frozen=True)
class World:
    """means: [step, arm]; NaN for an arm that is not there yet. late: steps from a draw to its reward.
    batch: rewards are told when the step is a multiple of it. noise: standard deviation, None for 0 and 1."""

    name: str
    means: NDArray[np.float64]
    late: int = 0
    batch: int = 1
    noise: float | None = None

    @property
    def steps(self) -> int:
        return len(self.means)


def world(name: str, steps: int | None = None) -> World:
    """The case of that name, or its first `steps`."""
    case = CASES[name]
    means = _means(name, case)
    return World(name, means[:steps], case["delay"], case["batch"], case["sd"])


def _means(name: str, case: Any) -> NDArray[np.float64]:
    steps, time = case["T"], np.arange(case["T"])
    if name == "abrupt_half":
        return np.repeat([[0.7, 0.5, 0.3], [0.3, 0.5, 0.7]], steps // 2, axis=0)
    if name == "drift_sine":
        return np.stack([0.5 + 0.3 * np.cos(2 * np.pi * (time / 10_000 + k / 3)) for k in range(3)], axis=1)
    if name == "new_arm_half":
        means = np.tile([0.5, 0.45, 0.6], (steps, 1))
        means[: steps // 2, 2] = np.nan
        return means
    return np.tile(case["means"], (steps, 1))
