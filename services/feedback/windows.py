"""What the newest rewards of a router say of each arm, from the windows of the single arms.

Each arm's window holds its N newest, so the N newest of all are among them; which reading of `reward_window`
a router wants can therefore change at any time. Newest means the greatest prediction ids, not the last to
arrive: what is said is the same in whatever order rewards came.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

# By arm: entries of `services.state.rewards.WINDOW`, oldest first.
Windows: TypeAlias = Mapping[str, NDArray[Any]]


class WindowSum(NamedTuple):
    """Rewards of an arm within the window, and their sum in millionths; fractions where older ones count
    less."""

    n: float
    sum: float


def newest_of_each(windows: Windows, most: int) -> dict[str, WindowSum]:
    """The last `most` rewards of each arm."""
    return {arm: WindowSum(len(kept), int(kept["units"].sum())) for arm, kept in _tails(windows, most)}


def newest_overall(windows: Windows, most: int) -> dict[str, WindowSum]:
    """What the last `most` rewards of all arms together say of each arm."""
    owners, units = _merged(windows, most)
    counts = np.bincount(owners, minlength=len(windows))
    # Whole numbers far below 2**53: a sum of floats is exact.
    sums = np.bincount(owners, units, minlength=len(windows))
    return {arm: WindowSum(int(counts[place]), int(sums[place])) for place, arm in enumerate(windows)}


def discounted(windows: Windows, most: int, discount: float) -> dict[str, WindowSum]:
    """The same, where the r-th newest reward, from 0, counts discount**r; what lies before the last `most`
    counts nothing."""
    owners, units = _merged(windows, most)
    weights = discount ** np.arange(len(owners) - 1, -1, -1.0)
    counts = np.bincount(owners, weights, minlength=len(windows))
    sums = np.bincount(owners, weights * units, minlength=len(windows))
    return {arm: WindowSum(float(counts[place]), float(sums[place])) for place, arm in enumerate(windows)}


def _merged(windows: Windows, most: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Arm, as a place in `windows`, and units of the last `most` rewards of all, oldest first."""
    tails = _tails(windows, most)
    owners = np.repeat(np.arange(len(tails)), [len(kept) for _, kept in tails])
    if not len(owners):
        return owners, np.zeros(0)
    entries: NDArray[Any] = np.concatenate([kept for _, kept in tails])
    high = entries["id_high"]
    order = np.argsort(high, kind="stable")
    # The high half of an id is its time and some chance, which is seldom the same twice.
    if (high[order[1:]] == high[order[:-1]]).any():
        order = np.lexsort((entries["row"], entries["id_low"], high))
    newest = order[-most:]
    return owners[newest], entries["units"][newest].astype(float)


def _tails(windows: Windows, most: int) -> list[tuple[str, NDArray[Any]]]:
    return [(arm, window[-most:]) for arm, window in windows.items()]
