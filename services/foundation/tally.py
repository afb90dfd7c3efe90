"""Counts of RPCs, kept as plain numbers and shown to Prometheus at a scrape.

A labelled counter and a histogram of the library cost 5 µs per RPC for their locks; these cost a tenth. They
are written by one thread, the event loop's, and the scraping thread may read a moment that is one RPC old.
"""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Tally:
    """One method's numbers."""

    __slots__ = ("codes", "in_flight", "seconds", "under")

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.in_flight = 0
        self.seconds = 0.0
        # How many took at most SECONDS[i], and more than the bound before; the last place is for all the
        # longer ones.
        self.under = [0] * (len(SECONDS) + 1)

    def ended(self, code: str, seconds: float) -> None:
        """Count an RPC that ended with `code` after `seconds`."""
        self.codes[code] = self.codes.get(code, 0) + 1
        self.seconds += seconds
        self.under[bisect_left(SECONDS, seconds)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound, as Prometheus wants them."""
        total = 0
        found = []
        for bound, count in zip((*map(str, SECONDS), "+Inf"), list(self.under), strict=True):
            total += count
            found.append((bound, float(total)))
        return found


class RpcTallies(Collector):
    """The tallies of a process's methods: turnout_rpc_total, turnout_rpc_duration_seconds,
    turnout_rpc_in_flight."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tallies: dict[str, Tally] = {}
        registry.register(self)

    def __getitem__(self, method: str) -> Tally:
        return self._tallies.setdefault(method, Tally())

    def collect(self) -> Iterator[Metric]:
        """What the page shows."""
        ended = CounterMetricFamily("turnout_rpc", "RPCs that ended, by status.", labels=["method", "code"])
        took = HistogramMetricFamily(
            "turnout_rpc_duration_seconds", "RPCs from their first byte to the reply.", labels=["method"]
        )
        running = GaugeMetricFamily("turnout_rpc_in_flight", "RPCs being served.", labels=["method"])
        for method, tally in list(self._tallies.items()):
            for code, count in list(tally.codes.items()):
                ended.add_metric([method, code], count)
            took.add_metric([method], tally.buckets(), tally.seconds)
            running.add_metric([method], tally.in_flight)
        yield from (ended, took, running)
