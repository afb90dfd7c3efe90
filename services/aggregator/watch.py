"""What operators see of the members: how long each took."""

from collections.abc import Sequence

from services.aggregator.jury import Result
from services.aggregator.seating import Seat
from services.foundation.metrics import Metrics


class Watch:
    """Feeds the instruments of the process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def observe(self, seats: Sequence[Seat], results: Sequence[Result]) -> None:
        """Record every call that left, also the failed and timed-out ones: a latency that only counts
        successes looks best when a model is at its worst."""
        asked = [seat.member.model for seat in seats if seat.question is not None]
        for model, result in zip(asked, results, strict=True):
            if result.endpoint:
                self._metrics.model_latency_ms[model].observe(result.latency * 1e3)
                self._metrics.model_seconds[model].observe(result.latency)
