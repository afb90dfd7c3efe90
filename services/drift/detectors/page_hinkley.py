"""Page-Hinkley: has the mean loss risen above what it has been so far?

U_t is the sum of x_i - mean_i - TOLERANCE, where mean_i is the mean of the first i losses; an alarm is raised
where U_t stands more than `threshold` h above its least value. For independent losses of variance v and the
tolerance d, that takes about v / (2 d^2) exp(2 d h / v) rows without a change (D. Siegmund, Sequential
Analysis, 1985, section 2.6), from which h follows: a rule of thumb, unlike the e-detector's guarantee.

Reference: E. S. Page, Continuous inspection schemes, Biometrika 41, 1954.
"""

from collections.abc import Sequence
from math import log
from typing import NamedTuple

from services.drift.detectors.alarms import Folded, Level, Settings, checked

# Rises of less than this are not looked for.
TOLERANCE = 0.005
# A few losses in a row.
LEAST_THRESHOLD = 5.0
# The mean of fewer losses says too little to be risen above.
LEAST_ROWS = 30


class State(NamedTuple):
    """Threshold, rows seen since the last alarm, their sum, U and its least value."""

    threshold: float
    rows: int = 0
    total: float = 0.0
    level: float = 0.0
    least: float = 0.0


def start(settings: Settings) -> State:
    """Before any loss."""
    variance = settings.usual * (1 - settings.usual)
    cycles = settings.rows * 2 * TOLERANCE**2 / variance
    threshold = variance / (2 * TOLERANCE) * log(max(cycles, 1.0))
    return State(max(threshold, LEAST_THRESHOLD))


def fold(state: State, values: Sequence[float]) -> Folded:
    """Watch the losses, in order. Raises ValueError for one outside [0, 1]."""
    threshold, rows, total, level, least = state
    alarms = []
    for index, value in enumerate(values):
        rows, total = rows + 1, total + checked(value)
        level += value - total / rows - TOLERANCE
        least = min(least, level)
        if rows >= LEAST_ROWS and level - least > threshold:
            alarms.append(index)
            rows, total, level, least = 0, 0.0, 0.0, 0.0
    return Folded(State(threshold, rows, total, level, least), alarms)


def level(state: State) -> Level:
    """How far the sum of rises stands above its least value."""
    return Level(state.level - state.least, state.threshold)


def pack(state: State) -> list[float]:
    """The state as numbers."""
    return [float(one) for one in state]


def unpack(numbers: Sequence[float]) -> State:
    """The state that `pack` made them of."""
    threshold, rows, *rest = numbers
    return State(threshold, int(rows), *rest)
