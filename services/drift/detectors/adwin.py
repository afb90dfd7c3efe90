"""ADWIN: a window of the newest losses that is cut where its two parts have different means.

The window is kept as an exponential histogram: buckets of 1, 2, 4, ... losses, at most MOST_OF_A_SIZE of each
size, so that N losses take O(log N) room. Between two buckets with n0 and n1 losses on the sides, their means
differ too much at more than e = sqrt(2/m v ln(2 ln N / d)) + 2/(3 m) ln(2 ln N / d), with 1/m = 1/n0 + 1/n1
and v the variance of the window; what is older is dropped then. Only a rise is an alarm: that a model has
become better is no reason to wake anybody, and the window shrinks all the same.

Reference: A. Bifet and R. Gavaldà, Learning from time-changing data with adaptive windowing, SDM 2007.
"""

from collections.abc import Iterator, Sequence
from math import log, sqrt
from typing import NamedTuple

from services.drift.detectors.alarms import Folded, Level, Settings, checked

MOST_OF_A_SIZE = 5
# A cut is looked for this often: it costs as much as some tens of losses.
EVERY = 32
LEAST_ROWS = 10
# Of a bound that is looked at often; the paper's own experiments have 0.002 to 0.05.
CONFIDENCE = 0.002


class Bucket(NamedTuple):
    """Losses that are counted together: how many, their sum and their sum of squares."""

    rows: int
    total: float
    squares: float

    def plus(self, other: "Bucket") -> "Bucket":
        """Both together."""
        return Bucket(self.rows + other.rows, self.total + other.total, self.squares + other.squares)


NOTHING = Bucket(0, 0.0, 0.0)


class State(NamedTuple):
    """The buckets, newest first, and how many losses were seen."""

    buckets: tuple[Bucket, ...] = ()
    seen: int = 0


def start(_settings: Settings) -> State:
    """Before any loss: it finds out by itself what is usual, and how often it errs is CONFIDENCE's."""
    return State()


def fold(state: State, values: Sequence[float]) -> Folded:
    """Watch the losses, in order. Raises ValueError for one outside [0, 1]."""
    buckets, seen = list(state.buckets), state.seen
    alarms = []
    for index, value in enumerate(values):
        buckets.insert(0, Bucket(1, checked(value), value * value))
        _merge(buckets)
        seen += 1
        if seen % EVERY == 0:
            rises = [rise for rise in _cuts(buckets) if rise]
            if rises:
                alarms.append(index)
    return Folded(State(tuple(buckets), seen), alarms)


def _merge(buckets: list[Bucket]) -> None:
    """Join the two oldest of a size that there are too many of, and so on upwards."""
    first, size = 0, 1
    while True:
        last = first
        while last < len(buckets) and buckets[last].rows == size:
            last += 1
        if last - first <= MOST_OF_A_SIZE:
            return
        buckets[last - 2 : last] = [buckets[last - 2].plus(buckets[last - 1])]
        first, size = last - 2, 2 * size


def _cuts(buckets: list[Bucket]) -> Iterator[bool]:
    """Drop the oldest buckets while the window can be cut; for each time, whether the mean had risen."""
    while (rise := _cut(buckets)) is not None:
        buckets.pop()
        yield rise


def _cut(buckets: Sequence[Bucket]) -> bool | None:
    """Whether the newer part has the greater mean, at the first place where they differ; None where the
    window is one."""
    whole = NOTHING
    for one in buckets:
        whole = whole.plus(one)
    if whole.rows < 2 * LEAST_ROWS:
        return None
    variance = max(whole.squares / whole.rows - (whole.total / whole.rows) ** 2, 0.0)
    doubt = log(2 * log(whole.rows) / CONFIDENCE)
    newer = NOTHING
    for one in buckets[:-1]:
        newer = newer.plus(one)
        older = whole.rows - newer.rows
        if min(newer.rows, older) < LEAST_ROWS:
            continue
        share = 1 / newer.rows + 1 / older
        difference = newer.total / newer.rows - (whole.total - newer.total) / older
        if abs(difference) > sqrt(2 * share * variance * doubt) + 2 / 3 * share * doubt:
            return difference > 0
    return None


def level(state: State) -> Level:
    """The mean loss of the window; where it is cut depends on every bucket."""
    rows = sum(bucket.rows for bucket in state.buckets)
    return Level(sum(bucket.total for bucket in state.buckets) / rows if rows else 0.0, None)


def pack(state: State) -> list[float]:
    """The state as numbers."""
    return [float(state.seen), *(float(one) for bucket in state.buckets for one in bucket)]


def unpack(numbers: Sequence[float]) -> State:
    """The state that `pack` made them of."""
    seen, *rest = numbers
    buckets = zip(rest[::3], rest[1::3], rest[2::3], strict=True)
    return State(tuple(Bucket(int(rows), total, squares) for rows, total, squares in buckets), int(seen))
