"""Instruments that say how things stand, rather than what happened: what people are woken for."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.foundation.family import Family

Values = Iterable[tuple[tuple[str, ...], float]]


class Shown(Collector):
    """A gauge whose values are read at a scrape, by whatever `read` was set to: (labels, value) pairs. The
    scrape has a thread of its own, so `read` walks over copies."""

    def __init__(self, name: str, told: str, *labels: str, registry: CollectorRegistry) -> None:
        self.read: Callable[[], Values] = tuple
        self._name = name
        self._told = told
        self._labels = labels
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """What the page shows."""
        family = GaugeMetricFamily(self._name, self._told, labels=self._labels)
        for labels, value in self.read():
            family.add_metric(labels, value)
        yield family


class Standing:
    """The instruments. Those of `Shown` have no series until somebody says how they are read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._redis()
        self._plans()
        self._learning()
        self.dead_letters = Family(
            Counter(
                "turnout_dead_letters_total",
                "Entries of streams that were given up after several tries, and kept aside.",
                ("group", "stream"),
                registry=registry,
            )
        )
        self.certificates = self._shown(
            "turnout_certificate_expiry_timestamp_seconds",
            "When the first certificate of a file expires, in seconds since 1970.",
            "file",
        )

    def _redis(self) -> None:
        self.redis_up = self._shown("turnout_redis_up", "1 while Redis answers this process, else 0.")
        self.redis_seconds = self._shown("turnout_redis_ping_seconds", "What the newest PING took.")
        self.redis_memory = self._shown(
            "turnout_redis_memory_bytes",
            "What Redis says of its memory: used, and limit where it has one; not of a Cluster.",
            "kind",
        )

    def _plans(self) -> None:
        self.generations = self._shown(
            "turnout_router_generation", "Generation of a router that this process serves.", "router"
        )
        self.unloaded = self._shown(
            "turnout_router_unloaded",
            "1 while the newest generation of a router cannot be loaded here, else 0.",
            "router",
        )
        self.models_enabled = self._shown(
            "turnout_router_models_enabled", "Models that a router may choose.", "router"
        )
        self.models_out = self._shown(
            "turnout_router_models_out", "Those of them that are out of service for their health.", "router"
        )

    def _learning(self) -> None:
        self.shares = self._shown(
            "turnout_allocation_share", "Share of traffic that is learnt for a variant.", "router", "variant"
        )
        self.pulls = self._shown(
            "turnout_arm_pulls", "Times that a variant was drawn, as its learner knows.", "router", "variant"
        )
        self.rewards = self._shown(
            "turnout_arm_rewards", "Rewards that came for these draws.", "router", "variant"
        )
        self.computed = self._shown(
            "turnout_allocation_compute_timestamp_seconds",
            "When the shares in force were computed, in seconds since 1970.",
            "router",
        )
        self.canary_waits = self._shown(
            "turnout_canary_waits",
            "1 for what a canary waits for, in the first words of GetCanary's `waiting_for`.",
            "router",
            "what",
        )
        self.drift = self._shown(
            "turnout_drift_status",
            "The newest verdict on a model: 0 ok, 1 warning, 2 alert, -1 too little data.",
            "model",
        )

    def _shown(self, name: str, told: str, *labels: str) -> Shown:
        return Shown(name, told, *labels, registry=self._registry)
