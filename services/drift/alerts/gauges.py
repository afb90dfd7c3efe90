"""What a process shows of its share of schedules and alerts."""

from turnout.drift.v1.alert_config_pb2 import AlertSeverity
from turnout.drift.v1.alert_memory_pb2 import AlertMemory
from turnout.drift.v1.result_pb2 import DriftStatus

from services.drift.schedule.findings import Finding
from services.foundation.metrics import Metrics

# Shown at 0 too: a series that only comes with an alert cannot be told from one that was lost.
SEVERITIES = ("warning", "alert")


class AlertGauges:
    """Keeps `turnout_alerts_firing` as the owner of each model knows it; who leads a model no longer shows
    none of it, so that processes add up."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._shown: dict[str, set[str]] = {}

    def firing(self, model: str, memory: AlertMemory) -> None:
        """How many alerts of a model fire, by severity."""
        counts = dict.fromkeys(SEVERITIES, 0)
        for one in memory.machines:
            if one.severity:
                name = AlertSeverity.Name(one.severity).removeprefix("ALERT_SEVERITY_").lower()
                counts[name] = counts.get(name, 0) + 1
        for name, count in counts.items():
            self._metrics.alerts_firing[model, name].set(count)
        self._shown[model] = set(counts)

    def forget(self, model: str) -> None:
        """Show nothing of a model that is another's, or no more."""
        for name in self._shown.pop(model, ()):
            self._metrics.alerts_firing.remove(model, name)

    def looked(self, overall: Finding) -> None:
        """A look was made."""
        status = "no_baseline"
        if overall.result is not None:
            status = DriftStatus.Name(overall.result.status).removeprefix("DRIFT_STATUS_").lower()
        self._metrics.scheduled_looks[status].inc()

    def told(self, result: str, count: int = 1) -> None:
        """Attempts at notifications have ended."""
        self._metrics.notifications[result].inc(count)
