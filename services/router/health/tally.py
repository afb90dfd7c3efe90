"""What was seen of a model during an interval."""

import math
from collections import deque
from collections.abc import Iterable

# A p95 of 512 answers is good to a percent of rank; more would only cost memory.
MOST_LATENCIES = 512


class Tally:
    """Calls, failures, and the seconds that the latest answers took."""

    __slots__ = ("calls", "failures", "latencies")

    def __init__(self) -> None:
        self.calls = 0
        self.failures = 0
        self.latencies: deque[float] = deque(maxlen=MOST_LATENCIES)

    def add(self, ok: bool, seconds: float) -> None:
        """Count a call. How long a failure took says nothing of how long answers take."""
        self.calls += 1
        if ok:
            self.latencies.append(seconds)
        else:
            self.failures += 1

    @property
    def success_rate(self) -> float:
        """Share of calls that were answered, 0 to 1; 1 without calls."""
        return 1 - self.failures / self.calls if self.calls else 1.0

    @property
    def p95(self) -> float | None:
        """Seconds within which 95 % of answers came (nearest rank); None without answers."""
        if not self.latencies:
            return None
        return sorted(self.latencies)[math.ceil(0.95 * len(self.latencies)) - 1]


def together(tallies: Iterable[Tally]) -> Tally:
    """The sum of several, in their order.

    >>> late, early = Tally(), Tally()
    >>> late.add(True, 0.1); early.add(False, 0.2)
    >>> together([early, late]).success_rate
    0.5
    """
    total = Tally()
    for one in tallies:
        total.calls += one.calls
        total.failures += one.failures
        total.latencies.extend(one.latencies)
    return total
