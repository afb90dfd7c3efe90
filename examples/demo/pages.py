"""What the suite's metrics pages say of our models."""

import asyncio
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Readings:
    """Numbers by label, models without the demo's prefix, summed over every process."""

    instruments: frozenset[str] = frozenset()
    decisions: Mapping[tuple[str, str], float] = field(default_factory=dict)
    latencies: Mapping[str, float] = field(default_factory=dict)
    accuracy: Mapping[str, float] = field(default_factory=dict)


async def read(urls: Iterable[str], prefix: str) -> Readings:
    """Fetch and sum all pages."""
    return summed(await asyncio.gather(*(asyncio.to_thread(_fetch, url) for url in urls)), f"models/{prefix}")


def summed(pages: Sequence[str], prefix: str) -> Readings:
    """Read pages of text; models whose name does not begin with `prefix` are somebody else's."""
    names: set[str] = set()
    decisions: Counter[tuple[str, str]] = Counter()
    latencies: Counter[str] = Counter()
    accuracy: dict[str, float] = {}
    for family in (family for page in pages for family in text_string_to_metric_families(page)):
        names.update((family.name, f"{family.name}_total"))
        for sample in family.samples:
            model = sample.labels.get("model", "")
            if not model.startswith(prefix):
                continue
            model = model.removeprefix(prefix)
            if sample.name == "ensemble_routing_decisions_total":
                decisions[sample.labels["strategy"], model] += int(sample.value)
            elif sample.name == "ensemble_model_latency_ms_count":
                latencies[model] += int(sample.value)
            elif sample.name == "ensemble_model_accuracy":
                accuracy[model] = sample.value
    return Readings(frozenset(names), decisions, latencies, accuracy)


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=SECONDS) as page:  # noqa: S310 - the suite told us this address
        content: bytes = page.read()
    return content.decode()
