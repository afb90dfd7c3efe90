"""Benjamini-Hochberg: of the features called drifting, at most a share q are false alarms on average.

Reference: Y. Benjamini, Y. Hochberg, J. R. Stat. Soc. B 57, 1995.

>>> [round(q, 3) for q in adjust([0.01, 0.04, 0.03])]
[0.03, 0.04, 0.04]
"""

from collections.abc import Sequence


def adjust(p_values: Sequence[float]) -> list[float]:
    """The smallest q at which each hypothesis would be rejected, in the order given.

    Raises ValueError on a p that is no probability: a NaN would quietly sort last and pass as "no drift".
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("p-values must lie between 0 and 1")
    adjusted, least = [0.0] * len(p_values), 1.0
    # From the largest down: none is adjusted to more than one that is larger.
    for rank, place in zip(
        range(len(p_values), 0, -1),
        sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True),
        strict=True,
    ):
        least = adjusted[place] = min(least, p_values[place] * len(p_values) / rank)
    return adjusted
