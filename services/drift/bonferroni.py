"""Bonferroni: the chance of any false alarm among all features is at most the level; finds less for it.

Reference: O. J. Dunn, Multiple Comparisons Among Means, J. Am. Stat. Assoc. 56, 1961.

>>> adjust([0.01, 0.4])
[0.02, 0.8]
"""

from collections.abc import Sequence


def adjust(p_values: Sequence[float]) -> list[float]:
    """The smallest level at which each hypothesis would be rejected, in the order given.

    Raises ValueError on a p that is no probability.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("p-values must lie between 0 and 1")
    return [min(1.0, p * len(p_values)) for p in p_values]
