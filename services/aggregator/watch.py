"""What operators see of plans: how long each model took, who was spared, what was escalated and rejected."""

from collections.abc import Iterable

from services.aggregator.asking import Entry
from services.aggregator.checks.check import Ruling
from services.foundation.metrics import Metrics

# Routers are named by whoever asks: a page of metrics must not grow with what callers make up.
MOST_ROUTERS = 1000
OTHERS = "others"


class Watch:
    """Feeds the instruments of the process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._routers: set[str] = set()

    def observe(self, entries: Iterable[Entry]) -> None:
        """Record every call that left, also the failed, timed-out and cancelled ones: a latency that only
        counts successes looks best when a model is at its worst."""
        for entry in entries:
            result = entry.outcome
            if result is not None and result.endpoint:
                model = entry.seat.model
                self._metrics.model_latency_ms[model].observe(result.latency * 1e3)
                self._metrics.model_seconds[model].observe(result.latency)

    def finished(self, router: str, pattern: str, entries: Iterable[Entry], stopped_early: bool) -> None:
        """Count who was asked, and who was spared although the plan names it."""
        asked, spared, named = 0, 0, self._label(router)
        for entry in entries:
            asked += entry.attempt is not None
            spared += entry.spared
        self._metrics.ensemble_calls[named, pattern].inc(asked)
        if spared:
            self._metrics.ensemble_spared[named, pattern].inc(spared)
        if stopped_early:
            self._metrics.ensemble_stopped[named].inc()

    def escalated(self, router: str) -> None:
        """An answer would not do, or did not come: the next member is asked."""
        self._metrics.ensemble_escalations[self._label(router)].inc()

    def checked(self, router: str, ruling: Ruling) -> None:
        """An answer was looked at."""
        result = "failed" if ruling.failed else "accepted" if ruling.accepted else "rejected"
        self._metrics.ensemble_checks[self._label(router), result].inc()

    def _label(self, router: str) -> str:
        if router not in self._routers:
            if len(self._routers) >= MOST_ROUTERS or len(router) > 256:
                return OTHERS
            self._routers.add(router)
        return router

    def retry_refused(self, router: str) -> None:
        """A member was not asked again, for the retry budget was spent."""
        self._metrics.retries_refused[self._label(router)].inc()
