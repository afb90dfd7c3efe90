"""How slow a model is now: an exponentially weighted mean that rises at once and falls with time."""


class Latency:
    """Peak EWMA, as Finagle's load balancer has it: a call slower than the mean replaces it, a faster one
    pulls it down by the time that has passed, and silence lets it decay towards 0, so that a model that was
    slow is tried again. `half_life` is in seconds, like every time here.
    """

    __slots__ = ("_at", "_half_life", "_mean")

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self._mean: float | None = None
        self._at = 0.0

    def note(self, seconds: float, now: float) -> None:
        """A call ended after `seconds`; whoever failed has the time of its timeout noted."""
        kept = self._kept(now)
        here = None if self._mean is None else kept * self._mean
        self._mean = seconds if here is None or seconds >= here else here + (1 - kept) * seconds
        self._at = max(self._at, now)

    def score(self, in_flight: int, timeout: float, now: float) -> float:
        """What the next call has to expect, in milliseconds: the decayed mean for it and each one before it.

        Without the factor everybody would follow the first who tries a model that has decayed. One that was
        never called scores 0, and while its first calls are out, its timeout.
        """
        if self._mean is None:
            return timeout * 1e3 * in_flight
        return self._kept(now) * self._mean * 1e3 * (in_flight + 1)

    def _kept(self, now: float) -> float:
        # A clock that was set back must not make the past count more.
        return float(2 ** (-max(0.0, now - self._at) / self._half_life))
