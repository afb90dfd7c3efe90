"""How much of this process is at work: what the retry budget is a share of."""

# Of the calls in flight that may be second ones; and so many always, so that a quiet process can retry at
# all. As much as a router's fallbacks have.
RETRY_SHARE = 0.2
ALWAYS_ALLOWED = 3


class Effort:
    """Calls in flight, and the second calls among them. Count up and down in pairs."""

    __slots__ = ("calls", "retries")

    def __init__(self) -> None:
        self.calls = 0
        self.retries = 0

    def may_retry(self) -> bool:
        """Whether one more second call is within the budget: it bounds what is in flight, so retries of a
        failing model, which end soon, make room, and those that hang take it."""
        return self.retries < max(ALWAYS_ALLOWED, RETRY_SHARE * self.calls)


def seconds_for(left: float, own: float, later: float) -> float:
    """Seconds for a call, of `left`, where others may follow that take up to `later` in all.

    They keep those in reserve if that leaves this one no less than half: a model that may take longer than
    the caller waits never keeps the others from being asked.

    >>> [seconds_for(left, 1.0, 0.2) for left in (5.0, 1.0, 0.3, -1.0)]
    [1.0, 0.8, 0.15, -1.0]
    """
    return min(own, max(left / 2, left - later)) if left > 0 else left
