"""Numbers of metrics pages, summed over processes."""

from collections.abc import Sequence

from services.cli.doctor.facts import Page


def by(pages: Sequence[Page], name: str, label: str) -> dict[str, float]:
    """Sums of a metric by the values of a label."""
    sums: dict[str, float] = {}
    for page in pages:
        for sample in page.samples:
            if sample.name == name:
                key = sample.labels.get(label, "")
                sums[key] = sums.get(key, 0.0) + sample.value
    return sums


def total(pages: Sequence[Page], name: str) -> float:
    """The sum of a metric."""
    return sum(sample.value for page in pages for sample in page.samples if sample.name == name)
