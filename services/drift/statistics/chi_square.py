"""Pearson's chi-square test of homogeneity on a 2 x K table, without Yates' correction.

Both samples are random: treating the reference as the truth (a goodness-of-fit test) rejects far more true
nulls than it says. Columns whose expected count is below 5 merge into OTHER; a 2 x 2 table that is still
sparse is decided by Fisher's exact test; a single column is no evidence at all (p = 1).

References: K. Pearson, Phil. Mag. 50, 1900; W. G. Cochran, Biometrics 10, 1954.

>>> round(measure(np.array([90, 10]), np.array([80, 20])).value, 4)
3.9216
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from services.drift.statistics.counts import Counts, Measurement, occupied, pair

# Cochran's rule: below it the chi-square law is no longer that of the statistic.
LEAST_EXPECTED = 5.0
CHI_SQUARE, FISHER = "chi_square", "fisher"


@dataclass(frozen=True, slots=True)
class ChiSquare(Measurement):
    """The statistic, its degrees of freedom, the test that gave p, and how many columns were merged."""

    p_value: float
    freedom: int
    method: str
    merged: int


def measure(reference: Counts, current: Counts, least_expected: float = LEAST_EXPECTED) -> ChiSquare | None:
    """Are two count vectors draws from one distribution? 0 for `least_expected` merges nothing."""
    checked = pair(reference, current)
    if checked is None:
        return None
    table = np.stack(occupied(*checked))
    before = table.shape[1]
    table = _merge_sparse(table, least_expected)
    freedom, expected = table.shape[1] - 1, _expected(table)
    value = float(((table - expected) ** 2 / expected).sum())
    merged = before - table.shape[1]
    if not freedom:
        return ChiSquare(0.0, 1.0, 0, CHI_SQUARE, merged)
    if freedom == 1 and expected.min() < least_expected:
        # A third of a process' imports, for small samples only.
        from scipy.stats import fisher_exact  # noqa: PLC0415

        return ChiSquare(value, float(fisher_exact(table).pvalue), 1, FISHER, merged)
    return ChiSquare(value, float(chdtrc(freedom, value)), freedom, CHI_SQUARE, merged)


def join_adjacent(
    reference: Counts, current: Counts, least_expected: float = LEAST_EXPECTED
) -> tuple[Counts, Counts]:
    """Quantile bins of the reference, neighbours joined until both samples expect enough rows in each.

    Only the reference decides. Its counts are equal by construction there, so a rule that looks at pooled
    counts would in truth pick the bins that the current sample happens to avoid: joined, these reject 14 %
    of true nulls at 50 rows instead of 5 %.
    """
    floor = least_expected * max(1.0, reference.sum() / max(current.sum(), 1))
    starts, held = [0], 0
    for index, count in enumerate(reference):
        if held >= floor:
            starts.append(index)
            held = 0
        held += int(count)
    if held < floor and len(starts) > 1:
        starts.pop()
    return np.add.reduceat(reference, starts), np.add.reduceat(current, starts)


def _expected(table: Counts) -> NDArray[np.float64]:
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    # In floats: the product of two large counts does not fit an int64.
    return np.asarray(rows.astype(np.float64) * columns / table.sum())


def _merge_sparse(table: Counts, least: float) -> Counts:
    """Sparse columns become OTHER, which takes in the smallest others until it is not sparse itself.

    Merging looks at pooled counts only, which are fixed under the null, so the test stays valid. One column
    always stays beside OTHER.
    """
    pooled = table.sum(axis=0)
    order = np.argsort(pooled, kind="stable")
    table, pooled = table[:, order], pooled[order]
    floor = least * table.sum() / table.sum(axis=1).min()
    sparse = int((pooled < floor).sum())
    enough = int(np.searchsorted(np.cumsum(pooled), floor)) + 1
    merged = min(max(sparse, enough), table.shape[1] - 1) if sparse else 0
    if merged < 2:
        return table
    return np.hstack([table[:, :merged].sum(axis=1, keepdims=True), table[:, merged:]])
