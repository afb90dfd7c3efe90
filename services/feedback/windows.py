"""The last N rewards of a router over all its arms, from the windows of the single arms.

Each arm's window holds its N newest, so the N newest of all are among them; which reading of `reward_window`
a router wants can therefore change at any time. Newest means the greatest prediction ids, not the last to
arrive.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class WindowSum(NamedTuple):
    """Rewards of an arm within the window, and their sum in millionths."""

    n: int
    sum: int


def newest_of_each(windows: Mapping[str, NDArray[Any]], most: int) -> dict[str, WindowSum]:
    """The last `most` rewards of each arm; windows are sorted, oldest first."""
    return {arm: WindowSum(len(kept), int(kept["units"].sum())) for arm, kept in _tails(windows, most)}


def newest_overall(windows: Mapping[str, NDArray[Any]], most: int) -> dict[str, WindowSum]:
    """What the last `most` rewards of all arms together say of each arm."""
    tails = _tails(windows, most)
    if not tails:
        return {}
    entries: NDArray[Any] = np.concatenate([kept for _, kept in tails])
    owners = np.repeat(np.arange(len(tails)), [len(kept) for _, kept in tails])
    if len(entries) > most:
        newest = np.lexsort((entries["row"], entries["id_low"], entries["id_high"]))[-most:]
        entries, owners = entries[newest], owners[newest]
    return {
        arm: WindowSum(int((owners == place).sum()), int(entries["units"][owners == place].sum()))
        for place, (arm, _) in enumerate(tails)
    }


def _tails(windows: Mapping[str, NDArray[Any]], most: int) -> list[tuple[str, NDArray[Any]]]:
    return [(arm, window[-most:]) for arm, window in windows.items()]
