"""Notices that the rewards of an arm have changed, so that a learner starts again.

Per arm, the generalised likelihood ratio of Bernoulli rewards: those that are remembered since the last
restart are cut in two, the newest 1, 2, 4, … 512 against all before, and the greatest
n₁ kl(m₁, m) + n₂ kl(m₂, m) is held against a threshold of 8. Held against the last few hundred alone, the
newest would look like them in a world that moves slowly. An alarm of one arm restarts all of them: where one
model's world has changed, what was learnt of the others is of that world too. The place of the newest reward
at the alarm is the mark; what is not after it is forgotten. A mark only moves forward, so late rewards and
new owners find it where it was.

Reference: L. Besson, E. Kaufmann, O. Maillard and J. Seznec, Efficient Change-Point Detection for Tackling
Piecewise-Stationary Bandits, JMLR 23 (2022).

>>> entries = np.zeros(80, [("id_high", "u8"), ("id_low", "u8"), ("row", "u4"), ("units", "u4")])
>>> entries["id_high"], entries["units"][:60] = np.arange(80), 1_000_000
>>> alarm({"a": entries[:60]}), alarm({"a": entries})
(0.0, 30.02)
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.feedback.windows import Windows

LOOK_BACK = 512
THRESHOLD = 8.0
UNITS = 1_000_000
TINY = 1e-12
_NEWER = 2 ** np.arange(int(np.log2(LOOK_BACK)) + 1)


class Mark(NamedTuple):
    """A place among rewards, as windows order them: an id in two halves, and a row."""

    id_high: int = 0
    id_low: int = 0
    row: int = 0


START = Mark()


@dataclass(frozen=True, slots=True)
class Restart:
    """The mark of a learner, how often it was moved, and the likelihood ratio that moved it last."""

    mark: Mark = START
    count: int = 0
    ratio: float = 0.0


def since(windows: Windows, mark: Mark) -> Windows:
    """The entries after the mark."""
    if mark == START:
        return windows
    return {arm: entries[_first_after(entries, mark) :] for arm, entries in windows.items()}


def restarted(windows: Windows, former: Restart) -> tuple[Restart, Windows]:
    """The restart after a look at the rewards, and what is left of them."""
    left = since(windows, former.mark)
    ratio = alarm(left)
    if ratio < THRESHOLD:
        return former, left
    last = max(_place(entries[-1]) for entries in left.values() if len(entries))
    return Restart(last, former.count + 1, ratio), since(left, last)


def alarm(windows: Windows) -> float:
    """The greatest likelihood ratio over arms and cuts, in nats; 0 where there is nothing to cut."""
    counts, sums, newer = [], [], []
    for entries in windows.values():
        units = entries["units"]
        if len(units) >= 2:
            backwards = np.cumsum(units[: -LOOK_BACK - 1 : -1].astype(float)) / UNITS
            cuts = np.minimum(_NEWER, len(units) - 1)
            counts.append(float(len(units)))
            sums.append(float(units.sum(dtype=np.int64)) / UNITS)
            newer.append(np.stack([cuts.astype(float), backwards[cuts - 1]]))
    if not counts:
        return 0.0
    n, total = np.array(counts)[:, None], np.array(sums)[:, None]
    n1, new = np.array(newer).transpose(1, 0, 2)
    n2, old, mean = n - n1, total - new, total / n
    return float((_gain(n1, new, mean) + _gain(n2, old, mean)).max().round(2))


def _gain(n: NDArray[Any], total: NDArray[Any], mean: NDArray[Any]) -> NDArray[Any]:
    """n kl(total / n, mean)."""
    own = np.clip(total / n, TINY, 1 - TINY)
    mean = np.clip(mean, TINY, 1 - TINY)
    gain = own * np.log(own / mean) + (1 - own) * np.log((1 - own) / (1 - mean))
    return np.asarray(n * gain)


def _place(entry: Any) -> Mark:
    return Mark(int(entry["id_high"]), int(entry["id_low"]), int(entry["row"]))


def _first_after(entries: NDArray[Any], mark: Mark) -> int:
    high, low, row = entries["id_high"], entries["id_low"], entries["row"]
    same = high == np.uint64(mark.id_high)
    before = high < np.uint64(mark.id_high)
    before |= same & (low < np.uint64(mark.id_low))
    before |= same & (low == np.uint64(mark.id_low)) & (row <= mark.row)
    return int(before.sum())
