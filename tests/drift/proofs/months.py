"""A month of hourly looks at 25 features, 720 looks in all, and what is told in it: `make calibration`.

Counts are drawn on the cells of one fixed baseline: a look at so many rows is a draw from the true shares of
its cells. Beside the evidence that schedules watch stands what a reader of p-values would have told.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtr

from services.drift.benjamini_hochberg import adjust
from services.drift.cells import Grid, Tally, freeze, learn
from services.drift.cells.grid import MISSING
from services.drift.comparison import Comparison, Method, compare_all
from services.drift.reference import Reference
from services.drift.schedule.evidence import RATE, Evidence, weigh

NUMERIC, CATEGORICAL = 20, 5
# Of an epoch, and how many of them are looked at here.
LOOKS = SEEN = 720
NAMES = "abcde"
LOST = 0.01


@dataclass(frozen=True)
class World:
    """rows: logged in an hour. hours: of a look's window; looks overlap where it is more than one. shift: of
    the first feature's mean, in standard deviations, from the hour `since` on."""

    baseline: int = 10_000
    rows: int = 200
    hours: int = 1
    shift: float = 0.0
    since: int = 240


class Month(NamedTuple):
    """What was told of each feature: numbers of the look at which it was first, -1 for never."""

    evidence: NDArray[np.int64]
    naive: NDArray[np.int64]
    adjusted: NDArray[np.int64]


def month(rng: Generator, world: World) -> Month:
    """One month of a fresh baseline."""
    found = [_number(rng, world, world.shift if index == 0 else 0.0) for index in range(NUMERIC)]
    found += [_category(rng, world) for _ in range(CATEGORICAL)]
    p_values = np.array([[one.p_value for one in looks] for looks in found], dtype=float)
    told = [[_e_value(one) for one in looks] for looks in found]
    return Month(_established(told), _first(p_values <= RATE), _first(_by_look(p_values) <= RATE))


def _number(rng: Generator, world: World, shift: float) -> list[Comparison]:
    sample = rng.normal(size=world.baseline)
    sample[rng.random(world.baseline) < LOST] = np.nan
    grid = freeze(sample)
    reference = grid.count(sample)
    before, after = (np.diff(ndtr(grid.edges - by), prepend=0.0, append=1.0) for by in (0.0, shift))
    hours = [_drawn(rng, grid, before if hour < world.since else after, world.rows) for hour in range(SEEN)]
    windows = _windows(hours, world.hours)
    return compare_all(Reference([(grid, reference)] * len(windows)), windows, Method())


def _drawn(rng: Generator, grid: Grid, shares: NDArray[np.float64], rows: int) -> Tally:
    lost = rng.binomial(rows, LOST)
    columns = np.zeros(grid.size, dtype=np.int64)
    columns[MISSING], columns[: len(shares)] = lost, rng.multinomial(rows - lost, shares)
    return Tally(columns)


def _category(rng: Generator, world: World) -> list[Comparison]:
    names = rng.choice(list(NAMES), world.baseline).tolist()
    vocabulary = learn(names)
    hours = [vocabulary.count(rng.choice(list(NAMES), world.rows).tolist()) for _ in range(SEEN)]
    reference = vocabulary.count(names)
    windows = _windows(hours, world.hours)
    return compare_all(Reference([(vocabulary, reference)] * len(windows)), windows, Method())


def _windows(hours: list[Tally], width: int) -> list[Tally]:
    summed = []
    for hour in range(len(hours)):
        first, *others = hours[max(0, hour - width + 1) : hour + 1]
        summed.append(sum(others, first))
    return summed


def _e_value(one: Comparison) -> float:
    tests = {"p_value": one.p_value, "missing_p_value": one.missingness.p_value if one.missingness else None}
    # Categories have no range: the schedule asks for this one of numbers alone.
    return weigh(tests | ({"out_of_range_p_value": one.outside_p} if one.ks else {}))


def _established(told: list[list[float]]) -> NDArray[np.int64]:
    evidence, first = Evidence(0, ""), np.full(len(told), -1)
    for look in range(SEEN):
        evidence = evidence.seen({str(index): each[look] for index, each in enumerate(told)}, LOOKS)
        for name in evidence.established():
            if first[int(name)] < 0:
                first[int(name)] = look
    return first


def _first(reached: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.where(reached.any(axis=1), reached.argmax(axis=1), -1)


def _by_look(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([adjust(look.tolist()) for look in p_values.T]).T
