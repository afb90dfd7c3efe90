"""How far counts may stray by chance alone."""

import math

# Two-sided, such a deviation comes by chance once in 150,000 times: a demo may be run every day.
SIGMAS = 4.5


def margin(n: int, probability: float) -> float:
    """Most that a share of `n` independent trials strays from its probability, at `SIGMAS`.

    >>> round(margin(400, 0.5), 4)
    0.1125
    """
    return SIGMAS * math.sqrt(probability * (1 - probability) / n) if n else math.inf
