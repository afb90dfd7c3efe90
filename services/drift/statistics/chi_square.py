"""Pearson's chi-square test of homogeneity on a 2 x K table, without Yates' correction.

Both samples are random: treating the reference as the truth (a goodness-of-fit test) rejects far more true
nulls than it says. Columns whose expected count is below 5 merge into OTHER; a 2 x 2 table that is still
sparse is decided by Fisher's exact test; a single column is no evidence at all (p = 1).

References: K. Pearson, Phil. Mag. 50, 1900; W. G. Cochran, Biometrics 10, 1954.

>>> round(measure(np.array([90, 10]), np.array([80, 20])).value, 4)
3.9216
"""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from services.drift.statistics.counts import Counts, CountsPair, Pairs, one

# Cochran's rule: below it the chi-square law is no longer that of the statistic.
LEAST_EXPECTED = 5.0
TINY = np.finfo(float).tiny
CHI_SQUARE, FISHER = "chi_square", "fisher"
# Tables whose chances differ by no more are as likely as one another: what R and scipy take too.
AS_LIKELY = 1 + 1e-7


class ChiSquare(NamedTuple):
    """The statistic, its degrees of freedom, the test that gave p, and how many columns were merged."""

    value: float
    p_value: float
    freedom: int
    method: str
    merged: int


def measure(reference: Counts, current: Counts, least_expected: float = LEAST_EXPECTED) -> ChiSquare | None:
    """Are two count vectors draws from one distribution? 0 for `least_expected` merges nothing."""
    pairs = one(reference, current)
    return measure_many(pairs, least_expected)[0] if pairs else None


def measure_many(pairs: Pairs, least_expected: float = LEAST_EXPECTED) -> list[ChiSquare | None]:
    """The same of many features at once; None where a sample is empty."""
    before = pairs.occupied_bins
    pairs = _merged(pairs, least_expected)
    n, m = pairs.rows
    pooled, total = pairs.left + pairs.right, np.maximum(n + m, 1)
    freedom = pairs.occupied_bins - 1
    # In floats: the product of two large counts does not fit an int64.
    expected = [(rows / total)[pairs.owner] * pooled for rows in (n, m)]
    distance = sum(
        (counts - wanted) ** 2 / np.maximum(wanted, TINY)
        for counts, wanted in zip((pairs.left, pairs.right), expected, strict=True)
    )
    values = np.where(freedom > 0, pairs.sum(np.asarray(distance)), 0.0)
    least = -pairs.largest(-np.where(pairs.occupied, np.minimum(*expected), np.inf))
    sparse = (freedom == 1) & (least < least_expected)
    p_values = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), values), 1.0)
    for feature in np.flatnonzero(sparse & np.array(pairs.there)):
        p_values[feature] = fisher(*_bins(pairs, int(feature)))
    columns = (column.tolist() for column in (values, p_values, freedom, sparse, before - 1 - freedom))
    return [
        ChiSquare(value, p, free, FISHER if few else CHI_SQUARE, merged) if there else None
        for there, value, p, free, few, merged in zip(pairs.there, *columns, strict=True)
    ]


def joined(pairs: Pairs, least_expected: float = LEAST_EXPECTED) -> Pairs:
    """Features of quantile bins with `join_adjacent` of each."""
    n, m = pairs.rows
    least = np.minimum.reduceat(pairs.left, pairs.starts)
    if (least >= least_expected * np.maximum(1.0, n / np.maximum(m, 1))).all():
        return pairs
    sides = (pairs.layout.slices(counts) for counts in (pairs.left, pairs.right))
    pairs_of = zip(*sides, strict=True)
    return Pairs.of([join_adjacent(left, right, least_expected) for left, right in pairs_of])


def join_adjacent(
    reference: Counts, current: Counts, least_expected: float = LEAST_EXPECTED
) -> tuple[Counts, Counts]:
    """Quantile bins of the reference, neighbours joined until both samples expect enough rows in each.

    Only the reference decides. Its counts are equal by construction there, so a rule that looks at pooled
    counts would in truth pick the bins that the current sample happens to avoid: joined, these reject 14 %
    of true nulls at 50 rows instead of 5 %.
    """
    counts = reference.tolist()
    floor = least_expected * max(1.0, sum(counts) / max(float(current.sum()), 1.0))
    if min(counts) >= floor:
        return reference, current
    starts, held = [0], 0
    for index, count in enumerate(counts):
        if held >= floor:
            starts.append(index)
            held = 0
        held += count
    if held < floor and len(starts) > 1:
        starts.pop()
    return np.add.reduceat(reference, starts), np.add.reduceat(current, starts)


def fisher(reference: Counts, current: Counts) -> float:
    """Two-sided p of Fisher's exact test on two columns: the chance of all tables no likelier than this.

    Chances follow from their ratios: by logarithms of factorials, those of 10^8 rows keep seven digits.
    """
    row, column, total = (
        int(reference.sum()),
        int(reference[0] + current[0]),
        int((reference + current).sum()),
    )
    lowest, highest = max(0, row + column - total), min(row, column)
    k = np.arange(lowest, highest, dtype=np.float64)
    ratios = np.log((row - k) * (column - k)) - np.log((k + 1) * (total - row - column + k + 1))
    weights = np.concatenate([[0.0], np.cumsum(ratios)])
    chances = np.exp(weights - weights.max())
    likely = chances[int(reference[0]) - lowest] * AS_LIKELY
    return min(1.0, float(chances[chances <= likely].sum() / chances.sum()))


def _merged(pairs: Pairs, least: float) -> Pairs:
    """Each feature's occupied bins, sparse ones merged."""
    n, m = pairs.rows
    floor = least * (n + m) / np.maximum(np.minimum(n, m), 1)
    sparse = pairs.sum((pairs.occupied & (pairs.left + pairs.right < floor[pairs.owner])).astype(np.int64))
    if not sparse.any():
        return pairs
    return Pairs.of(
        [
            _merge_sparse(*_bins(pairs, feature), float(floor[feature])) if few else _bins(pairs, feature)
            for feature, few in enumerate(sparse.tolist())
        ]
    )


def _bins(pairs: Pairs, feature: int) -> CountsPair:
    """A feature's occupied bins; one empty one where it has none."""
    end = pairs.starts[feature + 1] if feature + 1 < pairs.features else len(pairs.left)
    whole = slice(pairs.starts[feature], end)
    kept = pairs.occupied[whole]
    if not kept.any():
        kept[0] = True
    return pairs.left[whole][kept], pairs.right[whole][kept]


def _merge_sparse(left: Counts, right: Counts, floor: float) -> CountsPair:
    """Sparse columns become OTHER, which takes in the smallest others until it is not sparse itself.

    Merging looks at pooled counts only, which are fixed under the null, so the test stays valid. One column
    always stays beside OTHER.
    """
    order = np.argsort(left + right, kind="stable")
    left, right = left[order], right[order]
    pooled = left + right
    sparse = int((pooled < floor).sum())
    enough = int(np.searchsorted(np.cumsum(pooled), floor)) + 1
    merged = min(max(sparse, enough), len(pooled) - 1)
    if merged < 2:
        return left, right
    starts = [0, *range(merged, len(pooled))]
    return np.add.reduceat(left, starts), np.add.reduceat(right, starts)
