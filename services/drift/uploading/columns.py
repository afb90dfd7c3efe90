"""What is kept of a column while a file is read: enough for the cells that all of its rows would give."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.drift.cells import Frame, Sample, Tally, freeze_sample, learn_counts, tally_sample, thinned
from services.drift.cells.grid import MISSING, NAN, NEGATIVE_INFINITY, POSITIVE_INFINITY, Values
from services.drift.cells.singles import as_meant
from services.drift.cells.tally import Counts
from services.drift.uploading.spill import Run, Spill, distinct, merged

# Fewer are not worth a run of their own.
LEAST_RUN = 1024


@dataclass(slots=True)
class Numbers:
    """A column of numbers: exact, however many there are. What does not fit into memory goes to `spill`."""

    spill: Spill
    beside: Counter[int] = field(default_factory=Counter)
    rows: int = 0
    held: int = 0
    _pieces: list[tuple[Values, Counts]] = field(default_factory=list)
    _runs: list[Run] = field(default_factory=list)

    def add(self, values: Values, missing: NDArray[np.bool_], weights: Counts) -> None:
        """Count values, each as often as its weight says, which is at least 1."""
        finite = np.isfinite(values) & ~missing
        if not finite.all():
            self.beside[MISSING] += int(weights[missing].sum())
            self.beside[NAN] += int(weights[np.isnan(values) & ~missing].sum())
            self.beside[POSITIVE_INFINITY] += int(weights[(values == np.inf) & ~missing].sum())
            self.beside[NEGATIVE_INFINITY] += int(weights[(values == -np.inf) & ~missing].sum())
            values, weights = values[finite], weights[finite]
        if values.size:
            # Adding zero turns -0.0 into 0.0, as freezing does.
            self._pieces.append((as_meant(values + 0.0), weights))
            self.rows += int(weights.sum())
            self.held += 16 * values.size

    def compact(self) -> None:
        """Hold each value once."""
        if self._pieces:
            self._pieces = [distinct(self._pieces)]
            self.held = 16 * self._pieces[0][0].size

    def put_away(self) -> None:
        """Hold nothing. Raises OSError where the disk is full."""
        self.compact()
        for values, counts in self._pieces:
            if values.size >= LEAST_RUN:
                self._runs.append(self.spill.write(values, counts))
                self._pieces, self.held = [], 0

    @property
    def absent(self) -> int:
        """Rows without a finite value."""
        return self.beside.total()

    @property
    def doubt(self) -> int:
        """How far a count may be off."""
        return 0

    def freeze(self) -> tuple[Frame, Tally]:
        """The cells, and the counts of what was added. Raises ValueError where nothing was finite."""
        if self._runs and self._pieces:
            self._runs += [self.spill.write(*distinct(self._pieces))]
            self._pieces, self.held = [], 0
        sample = thinned(merged(self.spill, self._runs), self.rows) if self._runs else self._sample()
        grid = freeze_sample(sample)
        tally = tally_sample(grid, sample)
        for index, count in self.beside.items():
            tally.columns[index] = count
        return grid, tally

    def _sample(self) -> Sample:
        if not self._pieces:
            return thinned([], 0)
        values, masses = distinct(self._pieces)
        return Sample(values, masses, np.cumsum(masses), values.size)


@dataclass(slots=True)
class Names:
    """A column of names: exact up to `most` of them. Beyond, each count is at most `doubt` too low, which is
    below a share of 1/`most` of the rows: the summary of Misra and Gries (1982), pruned as by Agarwal et al.
    (Mergeable summaries, 2013)."""

    most: int
    counts: dict[str, int] = field(default_factory=dict)
    absent: int = 0
    rows: int = 0
    doubt: int = 0
    held: int = 0

    def add(self, values: Sequence[str | None], weights: Counts) -> None:
        """Count names, each as often as its weight says; None is missing."""
        added: Counter[str | None] = Counter()
        if (weights == 1).all():
            added.update(values)
        else:
            for value, weight in zip(values, weights.tolist(), strict=True):
                added[value] += weight
        self.absent += added.pop(None, 0)
        for name, count in added.items():
            if name is not None:
                self.counts[name] = self.counts.get(name, 0) + count
                self.rows += count
        # Twice as many before pruning, so that pruning is rare.
        if len(self.counts) > 2 * self.most:
            self._prune()

    def compact(self) -> None:
        """Names are held once."""

    def put_away(self) -> None:
        """Names are bounded by number."""

    def freeze(self) -> tuple[Frame, Tally]:
        """The cells, and the counts of what was added. Raises ValueError where there was no name."""
        vocabulary = learn_counts(self.counts, complete=not self.doubt)
        known = [self.counts[name] for name in vocabulary.names]
        return vocabulary, Tally(np.array([*known, self.rows - sum(known), self.absent], dtype=np.int64))

    def _prune(self) -> None:
        ordered = sorted(self.counts.values(), reverse=True)
        taken = ordered[self.most]
        self.counts = {name: count - taken for name, count in self.counts.items() if count > taken}
        self.doubt += taken


Column = Numbers | Names
