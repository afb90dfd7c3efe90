"""Shiryaev-Roberts e-detector: has the mean loss risen above the usual one?

For every moment at which the change may have begun it holds a bet against "the mean is at most m": capital
is multiplied by 1 + l (x - m) with each loss x, which in expectation does not grow while nothing has changed.
The sum over all those moments is M_t = (M_{t-1} + 1)(1 + l (x_t - m)); several stakes l are held, and their
mean counts. Without a change, an alarm at M >= A has on average at least A rows before it, whatever the
distribution of the losses and however they hang together, as long as their mean, given what was before, is at
most m: no other detector here can say that.

Reference: J. Shin, A. Ramdas, A. Rinaldo, E-detectors: a nonparametric framework for sequential change
detection, New England Journal of Statistics in Data Science 2, 2024, section 3.
"""

from collections.abc import Sequence
from typing import NamedTuple

from services.drift.detectors.alarms import Folded, Level, Settings, checked

# Shares of the greatest stake that no single loss can ruin, 1 / m: a stake is best for a rise to about
# m + l m (1 - m), so these are rises by some hundredths to some tenths.
STAKES = (0.05, 0.1, 0.2, 0.4)


class State(NamedTuple):
    """The usual mean, the threshold, and the sum of capitals of each stake."""

    usual: float
    threshold: float
    sums: tuple[float, ...]


def start(settings: Settings) -> State:
    """Before any loss."""
    return State(settings.usual, settings.rows, (0.0,) * len(STAKES))


def fold(state: State, values: Sequence[float]) -> Folded:
    """Watch the losses, in order. Raises ValueError for one outside [0, 1]."""
    usual, threshold, sums = state
    stakes = [share / usual for share in STAKES]
    alarms = []
    for index, value in enumerate(values):
        surplus = checked(value) - usual
        sums = tuple((held + 1) * (1 + stake * surplus) for held, stake in zip(sums, stakes, strict=True))
        if sum(sums) >= threshold * len(sums):
            alarms.append(index)
            sums = (0.0,) * len(stakes)
    return Folded(State(usual, threshold, sums), alarms)


def level(state: State) -> Level:
    """The mean of the sums of capitals: evidence against "no change"."""
    return Level(sum(state.sums) / len(state.sums), state.threshold)


def pack(state: State) -> list[float]:
    """The state as numbers."""
    return [state.usual, state.threshold, *state.sums]


def unpack(numbers: Sequence[float]) -> State:
    """The state that `pack` made them of."""
    usual, threshold, *sums = numbers
    return State(usual, threshold, tuple(sums))
