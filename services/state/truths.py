"""Truths as they hold, by prediction and row: for whoever lists predictions or exports them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeAlias

from turnout.inference.v1.event_pb2 import PredictionRecord, TruthEntry

from services.state import formats, ids, keys
from services.state.connection import Connections

# By prediction id and row.
Truths: TypeAlias = dict[tuple[str, int], TruthEntry]
# A batch of many rows is asked about piece by piece: no command may hold the server up.
FIELDS_AT_ONCE = 1000


class TruthReader:
    """Reads ground truth; what speaks for a metric only is left out. Everything raises StateUnavailable."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def known(self, records: Sequence[PredictionRecord]) -> set[str]:
        """Ids of the predictions of which at least one row has ground truth."""
        found = await self._read(records, keys.truth_seen)
        return {name for name, _ in found}

    async def read(self, records: Sequence[PredictionRecord]) -> Truths:
        """The ground truth of each row that has one. Raises NewerFormat."""
        found = await self._read(records, keys.truths)
        return {place: _decode(blob) for place, blob in found.items()}

    async def _read(
        self, records: Sequence[PredictionRecord], key: Callable[[int, int], str]
    ) -> dict[tuple[str, int], bytes]:
        wanted = defaultdict[str, list[tuple[str, int]]](list)
        for record in records:
            name = record.event.manifest.prediction_id
            place = key(ids.partition_of(name), ids.minute_of(name))
            wanted[place] += [(name, row) for row in range(max(1, record.event.rows))]
        asked = [
            (place, rows[start : start + FIELDS_AT_ONCE])
            for place, rows in wanted.items()
            for start in range(0, len(rows), FIELDS_AT_ONCE)
        ]
        async with self._redis.pipeline() as pipe:
            for place, rows in asked:
                pipe.hmget(place, [f"{name}:{row}:" for name, row in rows])
            replies = await pipe.execute()
        return {
            row: blob
            for (_, rows), some in zip(asked, replies, strict=True)
            for row, blob in zip(rows, some, strict=True)
            if blob
        }


def _decode(blob: bytes) -> TruthEntry:
    entry = TruthEntry.FromString(blob)
    formats.check("truth", entry.format, formats.TRUTH)
    return entry
