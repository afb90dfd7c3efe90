"""Instruments of the way of every prediction, kept as plain numbers and shown to Prometheus at a scrape.

The library's own take a lock per change and walk a histogram's buckets; these cost a tenth. They are written
by one thread, the event loop's, and the scraping thread may read a moment that is one change old.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

C = TypeVar("C")
Labels = str | tuple[str, ...]


class Count:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1.0) -> None:
        """Add."""
        self.value += amount


class Spread:
    """How many values were at most each of `bounds`, which ascend, and their sum."""

    __slots__ = ("_bounds", "_under", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._under = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.sum += value
        self._under[bisect_left(self._bounds, value)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound, as Prometheus wants them."""
        total, found = 0, []
        bounds = (*(str(float(bound)) for bound in self._bounds), "+Inf")
        for bound, count in zip(bounds, list(self._under), strict=True):
            total += count
            found.append((bound, float(total)))
        return found


class Plain(Collector, Generic[C]):
    """A labelled instrument, used like a `Family` of the library's: `plain["models/a"].observe(3)`."""

    def __init__(self, name: str, told: str, labels: Sequence[str], make: Callable[[], C]) -> None:
        self._name = name
        self._told = told
        self._labels = labels
        self._make = make
        self._children: dict[Labels, C] = {}

    def __getitem__(self, values: Labels) -> C:
        try:
            return self._children[values]
        except KeyError:
            child = self._children[values] = self._make()
            return child

    def remove(self, *values: str) -> None:
        """Forget a child whose subject (a deleted model, say) is gone; nothing if there is none."""
        self._children.pop(values[0] if len(values) == 1 else values, None)

    def _each(self) -> Iterator[tuple[Sequence[str], C]]:
        for values, child in list(self._children.items()):
            yield (values,) if isinstance(values, str) else values, child


class PlainCounter(Plain[Count]):
    """A counter."""

    def __init__(self, name: str, told: str, *labels: str, registry: CollectorRegistry) -> None:
        super().__init__(name, told, labels, Count)
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """What the page shows."""
        family = CounterMetricFamily(self._name, self._told, labels=self._labels)
        for values, child in self._each():
            family.add_metric(values, child.value)
        yield family


class PlainHistogram(Plain[Spread]):
    """A histogram."""

    def __init__(
        self, name: str, told: str, bounds: Sequence[float], *labels: str, registry: CollectorRegistry
    ) -> None:
        super().__init__(name, told, labels, lambda: Spread(bounds))
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """What the page shows."""
        family = HistogramMetricFamily(self._name, self._told, labels=self._labels)
        for values, child in self._each():
            family.add_metric(values, child.buckets(), child.sum)
        yield family
