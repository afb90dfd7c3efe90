"""What the demo can be told."""

from dataclasses import dataclass
from enum import StrEnum


class Without(StrEnum):
    """What can be taken away to see the demo's claims fail."""

    LEARNING = "learning"
    TRUTH = "truth"
    SHIFT = "shift"


# The fewest with which every claim stands on firm ground: see the claims for the numbers.
LEAST_REQUESTS = 2000


@dataclass(frozen=True, slots=True)
class Options:
    """`prefix` goes before the names of models and routers, so that several demos can share one suite."""

    seed: int = 1
    requests: int = 2400
    without: frozenset[Without] = frozenset()
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """Requests per router and act; the outage ends earlier if everything has happened."""

    split: int
    bandit: int
    jury: int
    outage: int
    shifted: int

    @classmethod
    def of(cls, requests: int) -> "Budget":
        """Share a number of requests out.

        >>> Budget.of(2400)
        Budget(split=360, bandit=720, jury=480, outage=480, shifted=360)
        """
        shares = (0.15, 0.3, 0.2, 0.2, 0.15)
        return cls(*(round(requests * share) for share in shares))
