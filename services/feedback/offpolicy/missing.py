"""Whether rewards are missing more often of some arms than of others.

Pearson's chi-square test of homogeneity, with Yates' correction where there are two arms. scipy.stats has it
too, and takes each process that imports it a second of CPU.

Reference: F. Yates, Contingency tables involving small numbers, J. R. Stat. Soc. Suppl. 1 (1934).

>>> round(p_value(np.array([90, 80]), np.array([10, 20])), 4)
0.0747
"""

import numpy as np
from scipy.special import chdtrc

from services.feedback.offpolicy.sample import Integers


def p_value(rewarded: Integers, unrewarded: Integers) -> float:
    """Of arms that lose rewards at one rate. Each [arms], of two or more; no arm and no sum may be 0."""
    counts = np.array([rewarded, unrewarded], np.float64)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    freedom = counts.shape[1] - 1
    apart = np.abs(counts - expected)
    if freedom == 1:
        apart -= np.minimum(0.5, apart)
    return float(chdtrc(freedom, (apart**2 / expected).sum()))
