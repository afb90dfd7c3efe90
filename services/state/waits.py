"""How long to wait before trying again."""

import random

FIRST_SECONDS = 0.05
LONGEST_SECONDS = 2.0


class Waits:
    """Growing waits with jitter: `next()` after a failure, `reset()` after a success.

    >>> waits = Waits(random.Random(1))
    >>> [round(waits.next(), 2) for _ in range(3)]
    [0.03, 0.09, 0.18]
    """

    def __init__(self, rng: random.Random, longest: float = LONGEST_SECONDS) -> None:
        self._rng = rng
        self._longest = longest
        self._seconds = FIRST_SECONDS

    @property
    def waiting(self) -> bool:
        """Whether the last try failed."""
        return self._seconds > FIRST_SECONDS

    def next(self) -> float:
        """Seconds to wait now: twice as long as before, at most the longest, half of it by chance."""
        seconds = self._seconds
        self._seconds = min(seconds * 2, self._longest)
        # Those that lost their server together must not come back together.
        return seconds * (0.5 + self._rng.random() / 2)

    def reset(self) -> None:
        """Begin anew: it worked."""
        self._seconds = FIRST_SECONDS
