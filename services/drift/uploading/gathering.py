"""The columns of a file, of all rows and of each segment, as they come."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.drift.baselines import Feature, Role, Segment
from services.drift.errors import BaselineFile
from services.drift.segments import LONGEST_VALUE
from services.drift.spelling import segment_value
from services.drift.uploading.blocks import Block, NumberCells
from services.drift.uploading.columns import Column, Names, Numbers
from services.drift.uploading.spill import Spill
from services.drift.uploading.wishes import Kind

# As many as may be active, and be profiled, beside all traffic.
MOST_SEGMENTS = 20
# Columns, each once for all rows and once for each segment: bounds the names that are held to some 400 MB.
MOST_COLUMNS = 2_000
# Names of a column that are counted exactly, where the columns are few.
MOST_NAMES, LEAST_NAMES, NAMES_IN_ALL = 50_000, 1_000, 1_000_000
# Numbers in memory, of one file; beyond, they go to disk.
MEMORY_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column to count: its name and kind, and what the feature says of itself."""

    name: str
    kind: Kind
    role: Role = Role.FEATURE
    importance: float = 1.0
    reason: str = ""


@dataclass(slots=True)
class Part:
    """The rows of all traffic, or of a segment."""

    columns: dict[str, Column]
    rows: int = 0

    def add(self, block: Block) -> None:
        """Count the rows."""
        self.rows += int(block.weights.sum())
        for name, column in self.columns.items():
            cells = block.cells[name]
            if isinstance(column, Numbers) and isinstance(cells, NumberCells):
                column.add(cells.values, cells.missing, block.weights)
            elif isinstance(column, Names) and not isinstance(cells, NumberCells):
                column.add(cells, block.weights)


@dataclass(slots=True)
class Gathering:
    """All parts of one file. `close` gives back the disk."""

    wanted: Sequence[Wanted]
    segmented: bool = False
    parts: dict[Segment | None, Part] = field(default_factory=dict)
    spill: Spill = field(default_factory=Spill)

    def __post_init__(self) -> None:
        self.parts[None] = self._part()

    def add(self, block: Block) -> None:
        """Count a block. Raises BaselineFile for too many segments, OSError where the disk is full."""
        self.parts[None].add(block)
        for segment, rows in _split(block.segments):
            if segment not in self.parts:
                self._admit(segment)
            self.parts[segment].add(block.take(np.array(rows, dtype=np.int64)))
        if self._held() > MEMORY_BYTES:
            self._put_away()

    def features(self, part: Part) -> tuple[list[Feature], dict[str, str]]:
        """What its rows make of the columns, by name in order; and why columns make nothing, by name."""
        features, nothing = list[Feature](), dict[str, str]()
        for wanted in sorted(self.wanted, key=lambda one: one.name):
            try:
                frame, tally = part.columns[wanted.name].freeze()
            except ValueError:
                nothing[wanted.name] = "it has no value that counts"
                continue
            features.append(Feature(wanted.name, frame, tally, wanted.importance, wanted.role, wanted.reason))
        return features, nothing

    def close(self) -> None:
        """Give the disk back."""
        self.spill.close()

    def _part(self) -> Part:
        names = sum(one.kind is Kind.CATEGORICAL for one in self.wanted)
        names *= MOST_SEGMENTS + 1 if self.segmented else 1
        most = min(max(NAMES_IN_ALL // max(names, 1), LEAST_NAMES), MOST_NAMES)
        made: dict[str, Column] = {
            one.name: Numbers(self.spill) if one.kind is Kind.NUMERIC else Names(most) for one in self.wanted
        }
        return Part(made)

    def _admit(self, segment: Segment) -> None:
        if len(self.parts) > MOST_SEGMENTS:
            values = ", ".join(repr(one.value[:40]) for one in list(self.parts)[1:6] if one)
            said = (
                f"the columns have more than {MOST_SEGMENTS} values, such as {values}, and each would be a "
                "baseline of its own: choose columns of fewer"
            )
            raise BaselineFile(f"segments: {said}", fields=[("header.segments", said)])
        if (len(self.parts) + 1) * len(self.wanted) > MOST_COLUMNS:
            said = (
                f"{len(self.wanted)} columns for each of {len(self.parts)} segments or more: at most "
                f"{MOST_COLUMNS} are counted in all; name fewer features, or segments of fewer values"
            )
            raise BaselineFile(f"segments: {said}", fields=[("header.segments", said)])
        self.parts[segment] = self._part()

    def _columns(self) -> Iterable[Column]:
        return (column for part in self.parts.values() for column in part.columns.values())

    def _held(self) -> int:
        return sum(column.held for column in self._columns())

    def _put_away(self) -> None:
        for column in self._columns():
            column.compact()
        # Values that repeat need little room once counted; memory that stays half full would soon be full.
        if self._held() > MEMORY_BYTES // 2:
            for column in self._columns():
                column.put_away()


def _split(segments: Mapping[str, Sequence[str | None]]) -> Iterable[tuple[Segment, list[int]]]:
    """The rows of each segment that a block has."""
    for name, values in segments.items():
        rows = defaultdict[str, list[int]](list)
        for row, value in enumerate(values):
            if value:
                rows[segment_value(value[:LONGEST_VALUE])].append(row)
        for value in sorted(rows):
            yield Segment(name, value), rows[value]
