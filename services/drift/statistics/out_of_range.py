"""Do more values lie outside the reference's range than another sample of the same law would put there?

Of n + m values in one order, every choice of n for the reference is as likely as any other; the chance that t
or more of the m current ones lie outside is the chance that the n lie within n + m - t places in a row:

P = C(n + m - t, n) / C(n + m, n) * (1 + t n / (n + m - t)),

exact where all values differ, and too large where some are equal, which lie within. So a few values beyond
the range are no news: two are expected where m is n.

Reference: S. S. Wilks, Statistical prediction with special reference to the problem of tolerance limits,
Ann. Math. Stat. 13, 1942.

>>> round(chance(100, 100, 2), 3), chance(100, 100, 0)
(0.5, 1.0)
"""

from math import exp, log1p

from scipy.special import gammaln

MOST_FACTORS = 200


def chance(reference: int, current: int, outside: int) -> float:
    """P that `outside` or more of `current` values lie beyond the ends of `reference` ones.

    Raises ValueError for counts that cannot be.
    """
    if min(reference, current) < 1 or not 0 <= outside <= current:
        raise ValueError(f"no {outside} of {current} values lie outside {reference}")
    if not outside:
        return 1.0
    total = reference + current
    left = total - outside
    if outside <= MOST_FACTORS:
        # Factor by factor, as logarithms of factorials of 10^8 keep seven digits.
        ways = sum(log1p(-reference / (total - place)) for place in range(outside))
    else:
        ways = float(gammaln(left + 1) - gammaln(current - outside + 1) - gammaln(total + 1))
        ways += float(gammaln(current + 1))
    return min(1.0, exp(min(0.0, ways + log1p(outside * reference / left))))
