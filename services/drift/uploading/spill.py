"""Numbers that are too many for memory, as sorted runs in a temporary file, and in order again."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from services.drift.cells.grid import Values
from services.drift.cells.tally import Counts

# Read back at once, of all runs of a column together: 16 MiB of values and counts.
READ_AT_ONCE = 1 << 20
WORD = 8


@dataclass(frozen=True, slots=True)
class Run:
    """Distinct values, ascending, from `offset` in the file; their counts follow unless each is 1."""

    offset: int
    length: int
    counted: bool


class Spill:
    """One temporary file, without a name: it is gone when it is closed, or its process dies."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def write(self, values: Values, counts: Counts) -> Run:
        """Keep a run. Raises OSError where the disk is full."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="turnout-baseline-")  # noqa: SIM115 - until close
        run = Run(self._file.seek(0, os.SEEK_END), len(values), bool((counts != 1).any()))
        self._file.write(values.tobytes())
        if run.counted:
            self._file.write(counts.tobytes())
        self._file.flush()
        return run

    def read(self, run: Run, start: int, length: int) -> tuple[Values, Counts]:
        """Up to `length` values of a run from its place `start`, and their counts."""
        length = min(length, run.length - start)
        values = np.frombuffer(self._bytes(run.offset + start * WORD, length), dtype=np.float64)
        if not run.counted:
            return values, np.ones(length, dtype=np.int64)
        at = run.offset + (run.length + start) * WORD
        return values, np.frombuffer(self._bytes(at, length), dtype=np.int64)

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()

    def _bytes(self, offset: int, length: int) -> bytes:
        if self._file is None:
            raise ValueError("nothing was written")
        return os.pread(self._file.fileno(), length * WORD, offset)


def merged(spill: Spill, runs: Sequence[Run]) -> Iterator[tuple[Values, Counts]]:
    """All runs as ascending pieces of distinct values with their counts."""
    at_once = max(READ_AT_ONCE // len(runs), 1)
    places = dict.fromkeys(range(len(runs)), 0)
    while places:
        heads = {index: spill.read(runs[index], start, at_once) for index, start in places.items()}
        # Up to here every run is at hand: whoever ends first has more to come, or nothing.
        limit = min(values[-1] for values, _ in heads.values())
        pieces = []
        for index, (values, counts) in heads.items():
            taken = int(np.searchsorted(values, limit, side="right"))
            pieces.append((values[:taken], counts[:taken]))
            places[index] += taken
        places = {index: start for index, start in places.items() if start < runs[index].length}
        yield distinct(pieces)


def distinct(pieces: Sequence[tuple[Values, Counts]]) -> tuple[Values, Counts]:
    """Values in any order, with counts, as distinct ascending ones."""
    values = np.concatenate([piece for piece, _ in pieces])
    counts = np.concatenate([piece for _, piece in pieces])
    if (counts == 1).all():
        # Twice as fast as to sort places.
        values.sort()
    else:
        order = np.argsort(values, kind="stable")
        values, counts = values[order], counts[order]
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    return values[starts], np.add.reduceat(counts, starts)
