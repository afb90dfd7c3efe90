"""docs/reference/metrics.md, written from what a process with every instrument exposes."""

from collections.abc import Iterator

from prometheus_client import Metric

from services.foundation.metrics import Metrics

HEAD = """# Every metric

Written from the code by `make docs`; a test holds it to the code. Each worker of each process has a
Prometheus page of its own: the first worker's is on port 9101 (router), 9102 (aggregator), 9103 (feedback),
9104 (drift) or 9105 (gateway), the others are in the ready file of `turnout up --ready-file`. A counter's
samples end in `_total`; a histogram has `_bucket`, `_sum` and `_count`. Series are there once something
happened. Add up over workers and replicas: each tells what it did itself.

Every process has all of these names; which one has samples says where a thing happens. The gateway has
Envoy's numbers beside them. `process_*` and `python_info` are those of the official Prometheus client.
"""
FOREIGN = ("process_", "python_")


class Instrument:
    """One row: a name with what it means."""

    def __init__(self, family: Metric, labels: tuple[str, ...]) -> None:
        self.name = f"{family.name}_total" if family.type == "counter" else family.name
        self.kind, self.said, self.labels = family.type, family.documentation, labels


def instruments() -> Iterator[Instrument]:
    """Every instrument of our own, in the order in which they are declared."""
    metrics = Metrics()
    labels = dict(_labels(metrics))
    for family in metrics.registry.collect():
        if not family.name.startswith(FOREIGN):
            yield Instrument(family, labels.get(family.name, ()))


def page() -> str:
    """The whole page."""
    parts = [HEAD, "| metric | type | labels | what it tells |", "|---|---|---|---|"]
    for one in instruments():
        labels = ", ".join(f"`{label}`" for label in one.labels) or "none"
        parts.append(f"| `{one.name}` | {one.kind} | {labels} | {one.said} |")
    return "\n".join(parts) + "\n"


def _labels(metrics: Metrics) -> Iterator[tuple[str, tuple[str, ...]]]:
    # Neither the library nor our own instruments tell their labels before they have a sample.
    for one in metrics.registry._collector_to_names:
        own = getattr(one, "_labelnames", getattr(one, "_labels", ()))
        for family in one.collect():
            yield family.name, tuple(getattr(family, "_labelnames", own))
