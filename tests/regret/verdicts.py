"""Whether a mean regret is within the noise of the reference, and the report of many."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.regret.worlds import CASES

# Points of a curve that are kept: enough for a plot over a logarithmic axis.
POINTS = 60


@dataclass(frozen=True)
class Verdict:
    """Of `runs` runs: mean and its standard error; of the reference the same, and how far the mean may lie
    from it. curve: pairs of step and mean regret."""

    case: str
    algorithm: str
    runs: int
    mean: float
    se: float
    reference: float
    band: float
    inside: bool
    better: bool
    curve: list[tuple[int, float]]
    cpu_seconds: float = 0.0

    @property
    def outside(self) -> bool:
        """Whether it is worse than the reference by more than noise."""
        return not (self.inside or self.better)

    def told(self) -> dict[str, Any]:
        """As it is written out."""
        return asdict(self)


def judge(case: str, algorithm: str, regret: NDArray[np.float64], cpu_seconds: float = 0.0) -> Verdict:
    """Cumulative regret [step, run] against the reference: |mean - reference| <= 4 sqrt(sd²/m + se²).

    Less regret than the reference's band is `better`, which conformance accepts.
    """
    expected = CASES[case]["algorithms"][algorithm]
    final, runs = regret[-1], regret.shape[1]
    band = 4 * math.sqrt(expected["sd"] ** 2 / runs + expected["se"] ** 2)
    mean = float(final.mean())
    steps = np.unique(np.geomspace(1, len(regret), POINTS).astype(int))
    curve = [(int(step), round(float(regret[step - 1].mean()), 3)) for step in steps]
    off = mean - expected["mean"]
    se = float(final.std(ddof=1) / math.sqrt(runs))
    told = (round(mean, 3), round(se, 3), expected["mean"], round(band, 3))
    return Verdict(case, algorithm, runs, *told, abs(off) <= band, off < -band, curve, round(cpu_seconds, 1))
