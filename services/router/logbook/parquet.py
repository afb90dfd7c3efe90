"""An export as a Parquet file."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.router.logbook import columns
from services.router.logbook.chunks import Chunks
from services.router.logbook.rows import Row

# A row group is put together in memory: some megabytes, whatever the export's size.
GROUP_ROWS, GROUP_BYTES = 2000, 2 * 1024 * 1024


class ParquetWriter:
    """Writes a row group when there are enough rows for one, and the footer at the end."""

    def __init__(self, chunks: Chunks) -> None:
        # Here, for it takes a second and 60 MB, and most processes never export.
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        self._arrow: Any = pa
        self._schema = schema(pa)
        self._chunks = chunks
        self._rows: list[Row] = []
        self._bytes = 0
        self._writer: Any = parquet.ParquetWriter(pa.PythonFile(Sink(chunks), mode="w"), self._schema)

    def add(self, rows: Sequence[Row], size: int) -> None:
        """Take rows in, of about `size` bytes."""
        self._rows += rows
        self._bytes += size
        if len(self._rows) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._write()

    def close(self) -> None:
        """Write what is left, and the footer."""
        if self._rows:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        rows, self._rows, self._bytes = self._rows, [], 0
        self._writer.write_table(self._arrow.Table.from_pylist(rows, schema=self._schema))
        self._chunks.put(b"", len(rows))


class Sink:
    """A file that only grows, and forgets what it has handed on."""

    closed = False

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self._at = 0

    def write(self, data: Any) -> int:
        """Append."""
        raw = bytes(data)
        self._chunks.put(raw)
        self._at += len(raw)
        return len(raw)

    def tell(self) -> int:
        """How much was written."""
        return self._at

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""


def schema(pa: Any) -> Any:
    """The columns as Arrow types."""
    kinds: dict[str, Any] = {
        columns.TEXT: pa.string(),
        columns.INTEGER: pa.int64(),
        columns.NUMBER: pa.float64(),
        columns.FLAG: pa.bool_(),
        columns.TIME: pa.timestamp("ns", tz="UTC"),
        columns.TEXTS: pa.list_(pa.string()),
        columns.NUMBERS: pa.list_(pa.float64()),
        columns.TEXT_MAP: pa.map_(pa.string(), pa.string()),
        columns.NUMBER_MAP: pa.map_(pa.string(), pa.float64()),
    }

    def struct(fields: Mapping[str, str]) -> Any:
        return pa.struct([(name, kinds[kind]) for name, kind in fields.items()])

    kinds[columns.CANDIDATES] = pa.list_(struct(columns.CANDIDATE))
    kinds[columns.PARTICIPANTS] = pa.list_(struct(columns.PARTICIPANT))
    return pa.schema([(name, kinds[kind]) for name, kind in columns.COLUMNS.items()])
