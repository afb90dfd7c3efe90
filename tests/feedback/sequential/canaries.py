"""Canaries of the reference simulations, run through the real tests and through point estimates."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from services.feedback.sequential.planning import fixed_sample
from services.feedback.sequential.questions import Test
from tests.feedback.sequential.trials import BLOCK, NEVER, Claim, Trace, World, independent, trace

BINARY = "assignment-betting e-process (5-effect mixture)"
MEAN = "betting e-process on AIPW (6-bet mixture)"
LITERAL = "point-estimate rule (n>=min_samples & diff>=min_improvement)"


# What the reference asked of point estimates where the file names none: found by trying .005, .01 and .02.
LITERAL_MARGIN = 0.01


class Canary(NamedTuple):
    """A case: looked at after every request up to `length`."""

    world: World
    length: int
    margin: float
    min_samples: int
    worse: bool

    @classmethod
    def of(cls, case: Mapping[str, Any]) -> "Canary":
        """As the file describes it."""
        world = World(case["p_control"], case["p_canary"], case["canary_share"])
        return cls(world, case["N"], case["delta"], case["min_samples"], case["direction"] == "worse")

    def is_null(self) -> bool:
        """Whether there is nothing to find: the effect is no more than the margin."""
        effect = (
            self.world.baseline - self.world.canary if self.worse else self.world.canary - self.world.baseline
        )
        return effect <= self.margin + 1e-9

    def claims(self) -> dict[str, Claim]:
        """What either process is asked; the binary one has no margin."""
        claims = {MEAN: Claim(Test("mean", self.margin), self.worse)}
        return claims if self.margin else {BINARY: Claim(Test("binary"), self.worse), **claims}

    def fixed_sample(self) -> float:
        """What a test needs that looks once, for the effect beyond the margin."""
        base, canary, share = self.world
        return (
            fixed_sample(base, canary, share, 0.05, 0.8)
            * ((canary - base) / (canary - base - self.margin)) ** 2
        )


def simulated(case: Canary, runs: int, seed: int) -> dict[str, Trace]:
    """When each process declared, by its name in the file."""
    claims = case.claims()
    rng = np.random.default_rng(seed)
    traces = trace(rng, case.world, list(claims.values()), runs, case.length, min_samples=case.min_samples)
    return dict(zip(claims, traces, strict=True))


def literally(case: Canary, runs: int, seed: int) -> Trace:
    """When point estimates, looked at every time, would have promoted or rolled back."""
    rng = np.random.default_rng(seed)
    times = [_literally(case, rng, min(BLOCK, runs - first)) for first in range(0, runs, BLOCK)]
    return Trace(np.concatenate(times))


def _literally(
    case: Canary, rng: np.random.Generator, runs: int
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    stream = independent(rng, case.world, runs, case.length)
    values = 1.0 - stream.values if case.worse else stream.values
    n1, n0 = stream.treated.cumsum(1), (~stream.treated).cumsum(1)
    s1, s0 = (values * stream.treated).cumsum(1), (values * ~stream.treated).cumsum(1)
    effect = s1 / np.maximum(n1, 1) - s0 / np.maximum(n0, 1)
    # Sums of the same counts in different orders may differ in the last bit.
    better = (np.minimum(n0, n1) >= case.min_samples) & (effect >= LITERAL_MARGIN - math.ulp(1.0))
    return np.where(better.any(1), better.argmax(1) + 1, NEVER).astype(np.int64)
