"""An export as lines of JSON."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from services.router.logbook.chunks import Chunks
from services.router.logbook.columns import COLUMNS, TIME
from services.router.logbook.rows import Row

TIMES = tuple(name for name, kind in COLUMNS.items() if kind == TIME)


class NdjsonWriter:
    """Writes each row as soon as it comes."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks

    def add(self, rows: Sequence[Row], _size: int) -> None:
        """Write rows."""
        for row in rows:
            told = {name: row[name] for name in COLUMNS}
            for name in TIMES:
                if told[name] is not None:
                    told[name] = _stamp(told[name])
            line = json.dumps(told, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
            self._chunks.put(line.encode() + b"\n", 1)

    def close(self) -> None:
        """There is no end to write."""


def _stamp(nanoseconds: int) -> str:
    """RFC 3339, to the nanosecond, so that an export can go on from there.

    >>> _stamp(1_700_000_000_500_000_001)
    '2023-11-14T22:13:20.500000001Z'
    """
    seconds, nanos = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09}Z"
