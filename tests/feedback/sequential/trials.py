"""Simulated trials that run the real tests, many at once; also as a service meets them: entities that come
again, labels that come late and not alike for both arms."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.feedback.sequential import layout
from services.feedback.sequential.folding import fold, start
from services.feedback.sequential.questions import Test
from services.feedback.sequential.seen import Flags, Floats

# Blocks that stay in the processor's cache: twice as fast as all runs at once.
BLOCK, CHUNK = 100, 200
NEVER = np.iinfo(np.int64).max


class World(NamedTuple):
    """Rates of success of baseline and canary, and the canary's share of traffic."""

    baseline: float
    canary: float
    share: float


class Stream(NamedTuple):
    """Observations in decision order, [runs, n]; where `there` is not, a run has no more."""

    treated: Flags
    values: Floats
    there: Flags


class Claim(NamedTuple):
    """What is tested: `worse` claims harm, for which values are flipped."""

    test: Test
    worse: bool = False


class Trace(NamedTuple):
    """Of each run: observations until the claim was declared, or NEVER. Right to the length of a chunk."""

    declared: NDArray[np.int64]

    def share(self) -> float:
        """Of runs in which it was declared."""
        return float((self.declared != NEVER).mean())

    def median(self) -> float:
        """Observations until it was declared in half of the runs; infinite if it never was."""
        return float(np.median(np.where(self.declared == NEVER, np.inf, self.declared)))


def independent(rng: np.random.Generator, world: World, runs: int, length: int) -> Stream:
    """Every prediction is of another unit."""
    treated = rng.random((runs, length)) < world.share
    rates = np.where(treated, world.canary, world.baseline)
    return Stream(treated, (rng.random((runs, length)) < rates).astype(np.float64), np.ones_like(treated))


def trace(
    rng: np.random.Generator,
    world: World,
    claims: list[Claim],
    runs: int,
    length: int,
    alpha: float = 0.05,
    min_samples: int = 0,
) -> list[Trace]:
    """Independent trials looked at after every observation, up to `length`."""
    found: list[list[NDArray[np.int64]]] = [[] for _ in claims]
    for first in range(0, runs, BLOCK):
        chunks = _chunks(rng, world, min(BLOCK, runs - first), length)
        for at, times in enumerate(watched(chunks, claims, world.share, alpha, min_samples)):
            found[at].append(times)
    return [Trace(np.concatenate(times)) for times in found]


def _chunks(rng: np.random.Generator, world: World, runs: int, length: int) -> Iterator[Stream]:
    for _ in range(0, length, CHUNK):
        yield independent(rng, world, runs, CHUNK)


def watched(
    chunks: Iterator[Stream], claims: list[Claim], share: float, alpha: float, min_samples: int = 0
) -> list[NDArray[np.int64]]:
    """When each claim was declared in each run; stops where all are."""
    states: list[Floats] = []
    times: list[NDArray[np.int64]] = []
    seen = 0
    for stream in chunks:
        runs = len(stream.treated)
        states = states or [np.tile(start(claim.test), (runs, 1)) for claim in claims]
        times = times or [np.full(runs, NEVER) for _ in claims]
        seen += stream.treated.shape[1]
        # A share of 0 is how the tests are told that an observation says nothing.
        shares = np.where(stream.there, share, 0.0)
        for at, claim in enumerate(claims):
            values = 1.0 - stream.values if claim.worse else stream.values
            states[at] = fold(claim.test, states[at], stream.treated & stream.there, values, shares)
            times[at] = np.where(
                _declared(states[at], alpha, min_samples) & (times[at] == NEVER), seen, times[at]
            )
        if all((each != NEVER).all() for each in times):
            break
    return times


def _declared(states: Floats, alpha: float, min_samples: int) -> Flags:
    enough = np.minimum(states[:, 0], states[:, 1]) >= min_samples
    return np.asarray(enough & (states[:, layout.GREATEST] >= -np.log(alpha)))
