"""Shedding: how many RPCs may be in flight, in all and per method. Refusing is cheap; queueing would not
be."""

import random

from services.foundation.errors import ResourceExhausted
from services.foundation.tally import Tally

# So many calls of one method at once gain by waiting for each other (see scheduling.py); measured.
CROWD = 4


class TooManyRequests(ResourceExhausted):
    """The server or one of its methods is full."""

    reason = "TOO_MANY_REQUESTS"


class Gate:
    """The room of a whole server."""

    def __init__(self, limit: int, *, retry_seconds: float = 0.25, rng: random.Random) -> None:
        self.limit = limit
        self.in_flight = 0
        self.crowded = False
        """Whether there was a crowd since somebody looked, who takes it back."""
        self._retry_seconds = retry_seconds
        self._rng = rng

    def refusal(self, method: str, limit: int) -> TooManyRequests:
        """The error for a call that finds no room. The wait is spread, or all those refused would return
        together."""
        wait = self._retry_seconds * self._rng.uniform(0.5, 1.5)
        said = f"{method} already serves {limit} calls, its limit here; try again in {wait * 1000:.0f} ms"
        return TooManyRequests(said, retry_after=wait, method=method, limit=limit)


class Door:
    """One method's way through the gate; `enter` and `leave` in pairs. From `crowd` calls at once on they
    are a crowd."""

    __slots__ = ("_crowd", "_gate", "_tally", "limit", "method")

    def __init__(self, gate: Gate, tally: Tally, method: str, limit: int, *, crowd: float = CROWD) -> None:
        self._gate = gate
        self._tally = tally
        self._crowd = crowd
        self.method = method
        self.limit = limit

    def enter(self) -> None:
        """Take a place, or raise `TooManyRequests`."""
        gate, tally = self._gate, self._tally
        if tally.in_flight >= self.limit:
            raise gate.refusal(self.method, self.limit)
        if gate.in_flight >= gate.limit:
            raise gate.refusal("the server", gate.limit)
        tally.in_flight += 1
        gate.in_flight += 1
        if tally.in_flight >= self._crowd:
            gate.crowded = True

    def leave(self) -> None:
        """Give the place back."""
        self._tally.in_flight -= 1
        self._gate.in_flight -= 1
