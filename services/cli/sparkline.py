"""Small pictures out of block characters, for terminals."""

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
NOTHING = " "


def sparkline(values: Sequence[float | None], top: float | None = None) -> str:
    """A character per value, as high as its share of `top` (default the greatest); absent ones are
    blank.

    >>> sparkline([0.0, 0.5, 1.0])
    '▁▅█'
    >>> sparkline([None, 2.0])
    ' █'
    """
    known = [value for value in values if value is not None]
    most = max(known, default=0.0) if top is None else top
    return "".join(NOTHING if value is None else _block(value, most) for value in values)


def _block(value: float, most: float) -> str:
    if most <= 0:
        return BLOCKS[0]
    return BLOCKS[min(len(BLOCKS) - 1, max(0, round(value / most * (len(BLOCKS) - 1))))]
