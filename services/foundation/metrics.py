"""Every Prometheus instrument of the suite, named by what happened. One `Metrics` per process, with its own
registry."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from services.foundation.family import Family
from services.foundation.plain import PlainCounter, PlainHistogram
from services.foundation.standing import Standing
from services.foundation.tally import RpcTallies

# Fine around the few milliseconds of a local model, coarse towards the longest timeouts of language models.
MODEL_MILLISECONDS = (1, 2, 3, 5, 7.5, 10, 15, 25, 50, 75, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)
SECONDS = tuple(ms / 1_000 for ms in MODEL_MILLISECONDS)


class Metrics:
    """The instruments. A missing label means that the whole process is one series."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._routing()
        self._ruling()
        self._carrying_out()
        self._ensembles()
        self._panels()
        self._rpcs()
        self._events()
        self._alerts()
        self.standing = Standing(self.registry)

    def _routing(self) -> None:
        # These four names are part of the public contract; _ms breaks Prometheus' base units, so seconds
        # stand beside it.
        self.routing_decisions = PlainCounter(
            "ensemble_routing_decisions_total",
            "Predictions routed to a model.",
            "strategy",
            "model",
            registry=self.registry,
        )
        self.model_latency_ms = self._histogram(
            "ensemble_model_latency_ms", "Model calls, in milliseconds.", MODEL_MILLISECONDS, "model"
        )
        self.model_accuracy = self._gauge(
            "ensemble_model_accuracy",
            "Share of correct answers among those with ground truth, 0 to 1.",
            "model",
        )
        self.model_quality = self._gauge(
            "turnout_model_quality",
            "What is published of a model's newest truths and panels: precision, recall, mae and others.",
            "model",
            "measure",
        )
        self.canary_progress = self._gauge(
            "ensemble_canary_progress", "Traffic that the canary receives, in percent, 0 to 100.", "router"
        )
        self.model_seconds = self._histogram(
            "ensemble_model_duration_seconds", "Model calls, in seconds.", SECONDS, "model"
        )
        self.model_ejections = self._counter(
            "turnout_model_ejections_total",
            "Times that this process took a model out of service for its health.",
            "model",
            "reason",
        )
        self.model_ejected = self._gauge(
            "turnout_model_ejected", "1 while a model is out of service for its health, else 0.", "model"
        )

    def _ruling(self) -> None:
        self.rule_errors = self._counter(
            "turnout_rule_errors_total",
            "Policies and rules whose condition could not be evaluated, so that they did not match.",
            "router",
            "rule",
        )
        self.rules_passed_over = self._counter(
            "turnout_rules_passed_over_total",
            "Policies and rules that held and were passed over, because nobody whom they name may be chosen.",
            "router",
            "rule",
        )

    def _carrying_out(self) -> None:
        self.second_calls = self._counter(
            "turnout_second_calls_total",
            "Calls beside a prediction's first, because that failed (fallback) or was slow (hedge).",
            "role",
            "model",
        )
        self.retries_refused = self._counter(
            "turnout_retries_refused_total",
            "Fallbacks, and members' second attempts, that were not made because the retry budget was spent.",
            "router",
        )
        self.cost = PlainCounter(
            "turnout_cost_total",
            "What predictions cost, as far as models declare it, in the currency's unit.",
            "router",
            "currency",
            registry=self.registry,
        )
        self.predictions_refused = self._counter(
            "turnout_predictions_refused_total",
            "Predictions refused before any model was called; they have no record.",
            "router",
            "reason",
        )
        self.shadow_copies = self._counter(
            "turnout_shadow_copies_total",
            "Copies for shadows, by what became of them.",
            "model",
            "outcome",
        )

    def _ensembles(self) -> None:
        self.ensemble_calls = PlainCounter(
            "turnout_ensemble_calls_total",
            "Calls of members and helpers.",
            "router",
            "pattern",
            registry=self.registry,
        )
        self.ensemble_spared = self._counter(
            "turnout_ensemble_spared_total",
            "Members that were not needed: not asked, or cut off once the answer stood.",
            "router",
            "pattern",
        )
        self.ensemble_stopped = self._counter(
            "turnout_ensemble_stopped_early_total", "Votes settled before everybody had answered.", "router"
        )
        self.ensemble_escalations = self._counter(
            "turnout_ensemble_escalations_total",
            "Times that an answer would not do, or did not come, and the next member was asked.",
            "router",
        )
        self.ensemble_checks = self._counter(
            "turnout_ensemble_checks_total",
            "Answers that were checked, by result: accepted, rejected, failed.",
            "router",
            "result",
        )

    def _panels(self) -> None:
        self.panels = self._counter(
            "turnout_panels_total", "Panels that statistics of disagreement rest on.", "router"
        )
        self.panel_pairs = self._counter(
            "turnout_panel_pairs_total",
            "Rows of these panels, once for each pair of members, by result: same, different.",
            "router",
            "result",
        )
        self.panel_dissents = self._counter(
            "turnout_panel_dissents_total",
            "Such panels in which a member's answer was not the verdict.",
            "router",
            "variant",
        )
        self.panels_lost = self._counter(
            "turnout_panels_lost_total",
            "Panels that were not counted, by reason: memory, store, error.",
            "reason",
        )

    def _rpcs(self) -> None:
        self.rpcs = RpcTallies(self.registry)
        self.rpcs_shed = self._counter("turnout_rpc_shed_total", "RPCs refused for want of room.", "method")
        self.errors_unexpected = self._counter(
            "turnout_unexpected_errors_total",
            "Exceptions nobody foresaw; each is in the log with an id.",
            "method",
        )

    def _events(self) -> None:
        self.events_written = self._counter(
            "turnout_events_written_total", "Events that Redis has.", "stream"
        )
        self.events_queued = self._gauge(
            "turnout_events_queued", "Events waiting in memory for a batch.", "stream"
        )
        self.events_spooled = self._gauge(
            "turnout_events_spooled", "Events on disk, waiting for Redis.", "stream"
        )
        self.events_dropped = self._counter(
            "turnout_events_dropped_total",
            "Events lost to a full spool; a gap stays in their place.",
            "stream",
        )
        self.events_consumed = self._counter("turnout_events_consumed_total", "Events applied.", "group")
        self.consumer_lag = self._gauge(
            "turnout_consumer_lag_events",
            "Entries not yet applied, of the partitions that this process leads.",
            "group",
            "stream",
            "partition",
        )
        self.partitions_owned = self._gauge(
            "turnout_partitions_owned", "Partitions this process leads.", "group"
        )
        self.stale_seconds = self._gauge(
            "turnout_stale_seconds",
            "Since what is published was computed last, as far as this process knows.",
            "state",
        )
        self.feedback = self._counter("turnout_feedback_total", "Feedback by what became of it.", "result")
        self.background_failures = self._counter(
            "turnout_background_failures_total", "Background tasks that died.", "task"
        )

    def _alerts(self) -> None:
        self.alerts_firing = self._gauge(
            "turnout_alerts_firing",
            "Alerts that fire, of the models whose partitions this process leads.",
            "model",
            "severity",
        )
        self.scheduled_looks = self._counter(
            "turnout_scheduled_looks_total", "Analyses made by schedules, by status.", "status"
        )
        self.notifications = self._counter(
            "turnout_notifications_total",
            "Attempts at telling webhooks of alerts, by result: delivered, failed (and tried again), dead.",
            "result",
        )

    def _counter(self, name: str, told: str, *labels: str) -> Family[Counter]:
        return Family(Counter(name, told, labels, registry=self.registry))

    def _gauge(self, name: str, told: str, *labels: str) -> Family[Gauge]:
        return Family(Gauge(name, told, labels, registry=self.registry))

    def _histogram(self, name: str, told: str, bounds: Sequence[float], *labels: str) -> PlainHistogram:
        return PlainHistogram(name, told, bounds, *labels, registry=self.registry)
