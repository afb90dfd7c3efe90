"""The scenarios of the proof: what is claimed, of which traffic, and how often that is wrong."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from services.feedback.sequential import layout
from services.feedback.sequential.folding import fold, start
from services.feedback.sequential.judging import DOUBT_WEIGHT, VOID_ALPHA
from services.feedback.sequential.questions import Test
from tests.feedback.sequential.entities import as_they_come, everything, firsts, traffic
from tests.feedback.sequential.trials import (
    BLOCK,
    CHUNK,
    NEVER,
    Claim,
    Stream,
    Trace,
    World,
    independent,
    watched,
)

ALPHA = 0.05
SHARES, RATES = (0.01, 0.1, 0.5), (0.01, 0.5, 0.99)
# Promotion claims better, rollback claims worse, each by both processes.
CLAIMS = {
    "promotion, binary": Claim(Test("binary")),
    "rollback, binary": Claim(Test("binary"), worse=True),
    "promotion, mean": Claim(Test("mean")),
    "rollback, mean": Claim(Test("mean"), worse=True),
}
# How a run's observations come about: [runs, n] in the order in which they are folded.
Traffic = Callable[[np.random.Generator, World, int, int], Stream]
TRAFFICS: dict[str, Traffic] = {
    "independent": independent,
    "entities by Zipf, late labels": lambda rng, world, runs, n: firsts(traffic(rng, world, runs, n)),
}
# What the tests are told not to fold: the proof would see it.
NAIVE: dict[str, Traffic] = {
    "every label of an entity": lambda rng, world, runs, n: everything(traffic(rng, world, runs, n)),
    "labels as they come": lambda rng, world, runs, n: as_they_come(independent(rng, world, runs, n)),
}


class Rate(NamedTuple):
    """How often something was declared, with its exact 95 % interval."""

    declared: int
    runs: int

    def share(self) -> float:
        """Of runs."""
        return self.declared / self.runs

    def interval(self) -> tuple[float, float]:
        """Clopper and Pearson's."""
        found = binomtest(self.declared, self.runs).proportion_ci(method="exact")
        return float(found.low), float(found.high)


def told(
    make: Traffic,
    world: World,
    runs: int,
    length: int,
    seed: int,
    min_samples: int = 0,
    claims: Sequence[str] = tuple(CLAIMS),
) -> dict[str, Trace]:
    """When each claim was declared in trials that are looked at after every observation."""
    rng = np.random.default_rng(seed)
    asked = [CLAIMS[name] for name in claims]
    found: list[list[NDArray[np.int64]]] = []
    for first in range(0, runs, BLOCK):
        chunks = _chunks(make, rng, world, min(BLOCK, runs - first), length)
        found.append(watched(chunks, asked, world.share, ALPHA, min_samples))
    by_claim = zip(claims, zip(*found, strict=True), strict=True)
    return {name: Trace(np.concatenate(each)) for name, each in by_claim}


def errors(make: Traffic, world: World, runs: int, length: int, seed: int) -> dict[str, Rate]:
    """How often identical models are told apart."""
    traces = told(make, world, runs, length, seed)
    return {name: Rate(int((each.declared != NEVER).sum()), runs) for name, each in traces.items()}


def _chunks(
    make: Traffic, rng: np.random.Generator, world: World, runs: int, length: int
) -> Iterator[Stream]:
    if make is independent:
        # Made as it is folded: a long trial that ends soon costs no more than a short one.
        yield from (independent(rng, world, runs, CHUNK) for _ in range(0, length, CHUNK))
        return
    stream = make(rng, world, runs, length)
    for low in range(0, stream.treated.shape[1], CHUNK):
        piece = np.s_[:, low : low + CHUNK]
        yield Stream(stream.treated[piece], stream.values[piece], stream.there[piece])


def promoted_for_silence(
    world: World, lost: float, runs: int, length: int, seed: int, careful: bool
) -> float:
    """Of trials, those in which a canary wins before its comparison is void, while so many of its failures
    have no label. careful: whether a win has to exceed the doubt, as `judging.needed` says."""
    rng, win, gap = np.random.default_rng(seed), Test("binary"), Test("differs")
    wins, gaps = np.tile(start(win), (runs, 1)), np.tile(start(gap), (runs, 1))
    ended, won = np.zeros(runs, bool), np.zeros(runs, bool)
    for _ in range(0, length, 20):
        stream = independent(rng, world, runs, 20)
        silent = stream.treated & (stream.values == 0.0) & (rng.random((runs, 20)) < lost)
        shares = np.full((runs, 20), world.share)
        wins = fold(win, wins, stream.treated, stream.values, np.where(silent, 0.0, shares))
        gaps = fold(gap, gaps, stream.treated, silent.astype(float), shares)
        present = layout.mixed(np.moveaxis(gaps[:, layout.BETS :], -1, 0))
        doubt = DOUBT_WEIGHT * np.maximum(present, 0.0) if careful else 0.0
        won |= ~ended & (wins[:, layout.GREATEST] >= doubt - np.log(ALPHA))
        ended |= won | (gaps[:, layout.GREATEST] >= -np.log(VOID_ALPHA))
    return float(won.mean())
