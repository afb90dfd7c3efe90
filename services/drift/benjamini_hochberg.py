"""Benjamini-Hochberg: of the features called drifting, at most a share q are false alarms on average.

Reference: Y. Benjamini, Y. Hochberg, J. R. Stat. Soc. B 57, 1995.

>>> [round(q, 3) for q in adjust([0.01, 0.04, 0.03])]
[0.03, 0.04, 0.04]
"""

from collections.abc import Sequence

import numpy as np


def adjust(p_values: Sequence[float]) -> list[float]:
    """The smallest q at which each hypothesis would be rejected, in the order given.

    Raises ValueError on a p that is no probability: a NaN would quietly sort last and pass as "no drift".
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p-values must lie between 0 and 1")
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return [float(q) for q in adjusted]
