"""The figures of one point, from sums that feedback has counted: pure, and the same whoever adds up."""

from collections import Counter
from dataclasses import dataclass, field

from services.drift.performance import estimates
from services.drift.performance.estimates import Estimate
from services.state.asked import Asked
from services.state.confusion import Confusion
from services.state.qualities import (
    ABSOLUTE,
    BRIER,
    FOURTH,
    LOSS,
    LOST_LABELS,
    LOST_SUMS,
    NUMBERS,
    SCORED,
    SIGNED,
    SQUARED,
    SQUARED_BRIER,
    SQUARED_LOSS,
    TOLD,
    Sums,
)


@dataclass(slots=True)
class Tally:
    """What is added up for one point. counts: of truths, by the names of measures; rows: that were asked for;
    calls, failures: of the model; cells: latencies of those that answered."""

    counts: Counter[str] = field(default_factory=Counter)
    lost: set[str] = field(default_factory=set)
    rows: int = 0
    calls: int = 0
    failures: int = 0
    cells: Counter[int] = field(default_factory=Counter)

    def take(self, asked: Asked) -> None:
        """Take in what was asked for."""
        self.rows += asked.rows
        self.calls += asked.calls
        self.failures += asked.failures
        for cell, calls in asked.cells:
            self.cells[cell] += calls

    def add(self, other: "Tally") -> None:
        """Take in another one."""
        self.counts.update(other.counts)
        self.lost |= other.lost
        self.rows += other.rows
        self.calls += other.calls
        self.failures += other.failures
        self.cells.update(other.cells)


@dataclass(frozen=True, slots=True)
class OfLabels:
    """Precision, recall and F1; None where undefined."""

    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What a point tells; None where nothing is known, or where it found no room."""

    labelled: int
    labels: int
    accuracy: Estimate | None
    macro: OfLabels | None
    positive: OfLabels | None
    scored: int
    log_loss: Estimate | None
    brier: Estimate | None
    numbers: int
    mae: Estimate | None
    rmse: Estimate | None
    bias: Estimate | None
    error_rate: Estimate | None


def figures_of(tally: Tally, positive: str, z: float) -> Figures:
    """Figures with intervals of z standard deviations; `positive` may be empty."""
    sums = Sums(tally.counts)
    confusion, counts = sums.confusion, tally.counts
    known, sound = LOST_LABELS not in tally.lost, LOST_SUMS not in tally.lost
    right, compared = confusion.hits.total(), confusion.hits.total() + confusion.missed.total()
    absolute = _mean(sums, ABSOLUTE, SQUARED, NUMBERS, z) if sound else None
    squared = _mean(sums, SQUARED, FOURTH, NUMBERS, z) if sound else None
    return Figures(
        labelled=counts[TOLD],
        labels=compared,
        accuracy=estimates.share(right, compared, z) if known else None,
        macro=_macro(confusion, z) if known and compared else None,
        positive=_of_label(confusion, positive, z) if known and compared and positive else None,
        scored=counts[SCORED],
        log_loss=_mean(sums, LOSS, SQUARED_LOSS, SCORED, z) if sound else None,
        brier=_mean(sums, BRIER, SQUARED_BRIER, SCORED, z) if sound else None,
        numbers=counts[NUMBERS],
        mae=absolute,
        rmse=estimates.root(squared) if squared else None,
        bias=_mean(sums, SIGNED, SQUARED, NUMBERS, z) if sound else None,
        error_rate=estimates.share(tally.failures, tally.calls, z),
    )


def _mean(sums: Sums, name: str, squares: str, of: str, z: float) -> Estimate | None:
    average = sums.mean(name, of)
    return None if average is None else estimates.mean(average, sums.mean(squares, of), sums.counts[of], z)


def _macro(confusion: Confusion, z: float) -> OfLabels:
    labels = sorted({*confusion.hits, *confusion.false, *confusion.missed})
    each = [_of_label(confusion, label, z) for label in labels]
    return OfLabels(
        estimates.average([one.precision for one in each]),
        estimates.average([one.recall for one in each]),
        estimates.average([one.f1 for one in each]),
    )


def _of_label(confusion: Confusion, label: str, z: float) -> OfLabels:
    right, false, missed = confusion.hits[label], confusion.false[label], confusion.missed[label]
    return OfLabels(
        estimates.share(right, right + false, z),
        estimates.share(right, right + missed, z),
        estimates.f1(right, false, missed, z),
    )
