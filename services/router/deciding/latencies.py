"""How slow models are now, as this process sees it: for routers that choose by it."""

from collections.abc import Callable

from services.router.health.outcomes import patience, verdict
from services.router.strategies.latency import Latency

# What says nothing of the model: nobody waited for its answer, or it was never asked.
UNTOLD = frozenset({"CANCELLED", "SKIPPED", "DROPPED"})


class Latencies:
    """One Latency for each model and half-life that a router asks for. `now` is monotonic, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._by_model: dict[str, dict[float, Latency]] = {}
        self._timeouts: dict[str, float] = {}

    def of(self, model: str, half_life: float, timeout: float) -> Latency:
        """The latency of a model that has `timeout`, followed from the first time that somebody asks."""
        followed = self._by_model.setdefault(model, {})
        self._timeouts[model] = timeout
        found = followed.get(half_life)
        if found is None:
            found = followed[half_life] = Latency(half_life)
        return found

    def note(self, model: str, outcome: str, code: str, seconds: float) -> None:
        """A call of `model` ended with an answer (SERVED) or not, with a canonical status name. A failure of
        the model counts as its timeout: one who refuses at once must not pass for the fastest. An input that
        it cannot read, and a caller with less time than it has, are no failures of its own."""
        followed = self._by_model.get(model)
        if followed is None or outcome in UNTOLD:
            return
        if outcome != "SERVED":
            timeout = self._timeouts[model]
            if verdict(outcome, code, seconds, patience(timeout, None)) is None:
                return
            seconds = max(seconds, timeout)
        now = self.now()
        for latency in followed.values():
            latency.note(seconds, now)

    def forget(self, model: str) -> None:
        """The model is no longer registered."""
        self._by_model.pop(model, None)
        self._timeouts.pop(model, None)
