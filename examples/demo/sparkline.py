"""A row of shares as a row of blocks."""

from collections.abc import Iterable

BLOCKS = " ▁▂▃▄▅▆▇█"


def sparkline(shares: Iterable[float]) -> str:
    """One block per share in [0, 1].

    >>> sparkline([0.0, 0.07, 0.5, 1.0])
    ' ▁▄█'
    """
    # Whatever is more than nothing must be seen.
    return "".join(BLOCKS[min(8, max(round(share * 8), share > 0))] for share in shares)
