"""Latencies on fixed logarithmic cells: counts add up exactly, and quantiles are true within 5 %.

Each cell is 10 % wide. A quantile is the geometric middle of the cell that holds the observation of its rank,
so it is off by at most √1.1 − 1 = 4.9 %, between 10 µs and 30 minutes; beyond these, the ends stand for all.

>>> cells = {cell_of(ms): 1 for ms in (3.0, 40.0, 500.0)}
>>> [round(quantile(cells, q)) for q in (0.3, 0.5, 1.0)]
[3, 42, 499]
"""

from collections.abc import Mapping
from math import ceil, log

BASE = 1.1
FIRST_MS = 0.01
LAST = 199

_LOG_BASE = log(BASE)


def cell_of(ms: float) -> int:
    """The cell of a latency in milliseconds: cell i holds FIRST_MS · BASE^i up to BASE^(i + 1)."""
    if ms <= FIRST_MS:
        return 0
    return min(int(log(ms / FIRST_MS) / _LOG_BASE), LAST)


def quantile(cells: Mapping[int, int], share: float) -> float | None:
    """The least latency in milliseconds that at least `share` (0 to 1) of the counts do not exceed, within
    5 %; None without counts."""
    total = sum(cells.values())
    if not total:
        return None
    # Nearest rank; the tolerance keeps 0.95 · 20 = 19.000000000000004 at rank 19.
    rank = max(1, ceil(share * total - 1e-9))
    for cell in sorted(cells):
        rank -= cells[cell]
        if rank <= 0:
            return float(FIRST_MS * BASE ** (cell + 0.5))
    raise ValueError(f"a share is at most 1, got {share}")
