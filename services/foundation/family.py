"""A labelled Prometheus instrument whose children are kept."""

from typing import Generic, TypeVar

from prometheus_client.metrics import MetricWrapperBase

M = TypeVar("M", bound=MetricWrapperBase)


class Family(Generic[M]):
    """A labelled instrument: `family["weighted", "models/a"].inc()`. Children are kept: making one costs
    three times an increment. Label values must come from closed sets (variants, methods), never from a
    request's text."""

    def __init__(self, metric: M) -> None:
        self.metric = metric
        self._children: dict[str | tuple[str, ...], M] = {}

    def __getitem__(self, values: str | tuple[str, ...]) -> M:
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self.metric.labels(
                *((values,) if isinstance(values, str) else values)
            )
        return child

    def remove(self, *values: str) -> None:
        """Forget a child whose subject (a deleted model, say) is gone; nothing if there is none."""
        if self._children.pop(values[0] if len(values) == 1 else values, None) is not None:
            self.metric.remove(*values)
