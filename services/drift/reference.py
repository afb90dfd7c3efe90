"""What of a comparison is the same for every window: the reference's counts, laid out once."""

from collections.abc import Sequence
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.drift.baselines import Feature
from services.drift.cells import Frame, Grid, Tally, Vocabulary
from services.drift.statistics.counts import Layout, Pairs, Side
from services.drift.statistics.wasserstein import Scale

T = TypeVar("T")
_PARTS = attrgetter("singletons"), attrgetter("places"), attrgetter("widths")
# Cells and categories whose references are kept: some 100 bytes of each.
MOST_CELLS = 500_000


class Line(NamedTuple):
    """What only numbers have: cells in order, which of them hold one value, and where they lie."""

    cells: Side
    singletons: NDArray[np.bool_]
    scale: Scale


class Reference:
    """Features and the counts that windows are measured against.

    size: cells and categories of all features. frames, tallies, absent (how many values a feature lacks): of
    each, in an order of its own: numbers whose bins are cut at quantiles, `quantiles` of them; numbers of few
    values or of crude cells, and the places of the latter, `crude`; categories.
    """

    def __init__(self, features: Sequence[tuple[Frame, Tally]]) -> None:
        self._order = sorted(range(len(features)), key=lambda at: _kind(features[at][0]))
        self.frames = [features[at][0] for at in self._order]
        self.tallies = [features[at][1] for at in self._order]
        self.quantiles = sum(_kind(frame) == 0 for frame in self.frames)
        places = enumerate(self.frames)
        self.crude = [place for place, frame in places if isinstance(frame, Grid) and frame.crude]
        self._grids = [frame for frame in self.frames if isinstance(frame, Grid)]
        self._names = [frame for frame in self.frames if isinstance(frame, Vocabulary)]
        self.size = sum(frame.size for frame in self.frames)
        pairs = zip(self.frames, self.tallies, strict=True)
        self.absent = [frame.absent(tally) for frame, tally in pairs]

    @classmethod
    def of(cls, features: Sequence[Feature]) -> "Reference":
        """Of a baseline's features."""
        return cls([(feature.frame, feature.tally) for feature in features])

    def sorted(self, items: Sequence[T]) -> list[T]:
        """One for each feature, brought into the order that features have here."""
        return [items[at] for at in self._order]

    def unsorted(self, items: Sequence[T]) -> list[T]:
        """The other way round."""
        found = list(items)
        for at, item in zip(self._order, items, strict=True):
            found[at] = item
        return found

    @cached_property
    def line(self) -> Line | None:
        """The cells of numbers; None where there are none."""
        cells = self.cells(self.tallies)
        if cells is None:
            return None
        singletons, places, widths = (np.concatenate([part(grid) for grid in self._grids]) for part in _PARTS)
        return Line(cells, singletons, Scale(cells, places, widths))

    def cells(self, tallies: Sequence[Tally]) -> Side | None:
        """The cells of numbers of a sample; None where there are none."""
        if not self._grids:
            return None
        parts = [grid.present(tally) for grid, tally in zip(self._grids, tallies, strict=False)]
        return Side(np.concatenate(parts), self._cells)

    def outside(self, tallies: Sequence[Tally], cells: Side | None) -> list[int]:
        """Values of each feature that the reference's range or names do not have. cells: of the numbers."""
        found: list[int] = []
        if cells is not None:
            found = cells.layout.sum(np.where(self._beyond, cells.counts, 0)).tolist()
        rest = zip(self._names, tallies[len(self._grids) :], strict=True)
        return [*found, *(names.outside(tally) for names, tally in rest)]

    @cached_property
    def _beyond(self) -> NDArray[np.bool_]:
        """Which cells of numbers lie beyond the range of the reference."""
        pairs = zip(self._grids, self.tallies, strict=False)
        return np.concatenate([grid.beyond(tally) for grid, tally in pairs])

    def bins(self, tallies: Sequence[Tally], cells: Side | None) -> Pairs:
        """Both samples on the PSI bins, or on the categories of both. cells: of the current one's numbers."""
        start = len(self._grids)
        before, after = self.tallies[start:], tallies[start:]
        unseen = [sorted(a.unseen.keys() | b.unseen.keys()) for a, b in zip(before, after, strict=True)]
        numbers = self._coarse(tallies, cells)
        rows = [names.row(tally, more) for names, tally, more in zip(self._names, after, unseen, strict=True)]
        if not any(unseen):
            return Pairs(self._bins, Side(np.concatenate([*numbers, *rows]), self._bins.layout))
        own = [names.row(tally, more) for names, tally, more in zip(self._names, before, unseen, strict=True)]
        left = self._coarse(self.tallies, self.line.cells if self.line else None)
        layout = Layout([*self._sizes, *map(len, rows)])
        return Pairs(*(Side(np.concatenate([*a, *b]), layout) for a, b in ((left, own), (numbers, rows))))

    @cached_property
    def _bins(self) -> Side:
        """The reference where nobody has names that it does not have."""
        numbers = self._coarse(self.tallies, self.line.cells if self.line else None)
        after = self.tallies[len(self._grids) :]
        rows = [names.present(tally) for names, tally in zip(self._names, after, strict=True)]
        return Side(np.concatenate([*numbers, *rows]), Layout([*self._sizes, *map(len, rows)]))

    def _coarse(self, tallies: Sequence[Tally], cells: Side | None) -> list[NDArray[np.int64]]:
        """Counts of numbers by PSI bin, one feature after the other."""
        if cells is None:
            return []
        done = self.quantiles if self._firsts is not None else 0
        rest = zip(self._grids[done:], tallies[done:], strict=False)
        found = [grid.coarse(tally) for grid, tally in rest]
        if self._firsts is None:
            return found
        return [np.add.reduceat(cells.part(0, done).counts, self._firsts), *found]

    @cached_property
    def _firsts(self) -> NDArray[np.intp] | None:
        """The first cell of each bin of those cut at quantiles, where the bins of each are runs of cells."""
        known = [grid.firsts for grid in self._grids[: self.quantiles] if grid.firsts is not None]
        if not known or len(known) < self.quantiles:
            return None
        starts = self._cells.starts[: self.quantiles].tolist()
        return np.concatenate([firsts + start for firsts, start in zip(known, starts, strict=True)])

    @cached_property
    def _cells(self) -> Layout:
        return Layout([len(grid.places) for grid in self._grids])

    @cached_property
    def _sizes(self) -> list[int]:
        """How many PSI bins each of the numbers has."""
        return [int(grid.bins.max()) + 1 for grid in self._grids]


class References:
    """Those of the baselines that were compared with last, by uid: what a uid names never changes."""

    def __init__(self, most_cells: int = MOST_CELLS) -> None:
        self._most = most_cells
        self._held = 0
        self._known: dict[str, Reference] = {}

    def of(self, uid: str, features: Sequence[Feature]) -> Reference:
        """The reference of that baseline."""
        found = self._known.pop(uid, None)
        if found is None:
            found = Reference.of(features)
            self._held += found.size
        self._known[uid] = found
        while self._held > self._most and len(self._known) > 1:
            oldest = next(iter(self._known))
            self._held -= self._known.pop(oldest).size
        return found


def _kind(frame: Frame) -> int:
    if isinstance(frame, Grid):
        return int(frame.few_values or frame.crude)
    return 2
