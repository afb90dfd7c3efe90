"""Statistics of two count vectors. Each file exports `measure(reference, current)`.

A measurement is None where a sample is empty: no data is never a small distance. Wasserstein stands beside
the table, as it needs to know where the cells lie too.
"""

from collections.abc import Callable

from services.drift.statistics import (
    chi_square,
    hellinger,
    jensen_shannon,
    ks,
    kullback_leibler,
    l_infinity,
    missingness,
    psi,
)
from services.drift.statistics.counts import Counts, Measured, Measurement

Statistic = Callable[[Counts, Counts], Measured | None]

STATISTICS: dict[str, Statistic] = {
    "psi": psi.measure,
    "ks": ks.measure,
    "chi_square": chi_square.measure,
    "jensen_shannon": jensen_shannon.measure,
    "hellinger": hellinger.measure,
    "kullback_leibler": kullback_leibler.measure,
    "l_infinity": l_infinity.measure,
    "missingness": missingness.measure,
}

__all__ = ["STATISTICS", "Counts", "Measured", "Measurement", "Statistic"]
