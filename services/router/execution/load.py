"""How much of a router is in flight in this process: what its limit and its retry budget are shares of."""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

# So that a router with little traffic can retry at all. Envoy and Finagle allow as many.
ALWAYS_ALLOWED = 3


class Load:
    """Counts in pairs: whatever becomes of a prediction or a second call, it is counted off once."""

    __slots__ = ("__weakref__", "predictions", "retries")

    def __init__(self) -> None:
        self.predictions = 0
        self.retries = 0

    @contextmanager
    def prediction(self) -> Iterator["Load"]:
        """One prediction is in flight."""
        self.predictions += 1
        try:
            yield self
        finally:
            self.predictions -= 1

    def may_retry(self, share: float) -> bool:
        """Whether one more second call is within `share` of the predictions in flight.

        As Envoy's retry budget, it bounds what is in flight and not what was: retries of a failing model end
        soon and make room, those that hang take it.
        """
        return self.retries < max(ALWAYS_ALLOWED, share * self.predictions)

    @contextmanager
    def retry(self) -> Iterator[None]:
        """One second call is in flight; ask `may_retry` first, without awaiting anything in between."""
        self.retries += 1
        try:
            yield
        finally:
            self.retries -= 1


class Loads:
    """The load of each router, by uid; it lives as long as something is in flight."""

    def __init__(self) -> None:
        self._by_uid: WeakValueDictionary[str, Load] = WeakValueDictionary()

    def of(self, uid: str) -> Load:
        """The load of a router; hold on to it while something is in flight."""
        return self._by_uid.setdefault(uid, Load())

    def __len__(self) -> int:
        return len(self._by_uid)
