"""Parquet: its index is at the end, so the file waits on disk until it is whole, to be read in pieces."""

import tempfile
from typing import Any

import numpy as np

from services.drift.errors import BaselineFile
from services.drift.uploading.blocks import (
    Asked,
    Cells,
    NumberCells,
    Refused,
    Wrong,
    cells_of,
    segments_of,
    sound,
    weights,
)
from services.drift.uploading.gathering import Gathering
from services.drift.uploading.kinds import Look, look
from services.drift.uploading.refusals import Refusals
from services.drift.uploading.schema import Schema, decide
from services.drift.uploading.wishes import Kind, Wishes

# Rows in memory at once, of the columns that are needed.
AT_ONCE = 32_768
# They tell whether texts are names, or texts.
FIRST_ROWS = 1_000


class ParquetFile:
    """A file of columns. Kinds are those of its own types."""

    def __init__(self, wishes: Wishes) -> None:
        self.refusals = Refusals(wishes.max_refused_share)
        self._wishes = wishes
        self._file = tempfile.TemporaryFile(prefix="turnout-baseline-")  # noqa: SIM115 - until close
        self._gathering: Gathering | None = None

    def feed(self, data: bytes) -> None:
        """More of it."""
        self._file.write(data)

    def end(self) -> tuple[Schema, Gathering]:
        """That was all: what was read."""
        # A second, and 40 MB, which a process without Parquet need not spend.
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        self._file.flush()
        try:
            opened = parquet.ParquetFile(self._file)
            types = {one.name: one.type for one in opened.schema_arrow}
            if len(types) < len(opened.schema_arrow):
                raise BaselineFile("two columns of the file have the same name")
            schema = decide(list(types), lambda column: _looked(opened, column, types[column]), self._wishes)
            self._gathering = Gathering(schema.wanted, bool(schema.segments))
            for batch in opened.iter_batches(AT_ONCE, columns=schema.reads):
                self._count(batch, schema, self._gathering)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise BaselineFile(f"the file is no sound Parquet: {str(error)[:300]}") from None
        return schema, self._gathering

    def close(self) -> None:
        """Give back what it holds."""
        self._file.close()
        if self._gathering:
            self._gathering.close()

    def _count(self, batch: Any, schema: Schema, gathering: Gathering) -> None:
        wrong: Wrong = {}
        first = self.refusals.rows + 1
        self.refusals.rows += batch.num_rows
        columns = {name: batch.column(name) for name in schema.reads}
        weight = np.ones(batch.num_rows, dtype=np.int64)
        if schema.weight:
            weight = weights(schema.weight, columns[schema.weight].to_pylist(), wrong)
        cells = {one.name: _cells(one, columns[one.column], wrong) for one in schema.asked}
        table = {column: columns[column].to_pylist() for column in schema.segments.values()}
        gathering.add(sound(cells, segments_of(table, schema.segments, wrong), weight, wrong))
        self.refusals.add([Refused(first + index, *wrong[index]) for index in sorted(wrong)])


def _cells(asked: Asked, column: Any, wrong: Wrong) -> Cells:
    from pyarrow import types  # noqa: PLC0415 - as above

    if asked.kind is Kind.CATEGORICAL or not (
        types.is_floating(column.type) or types.is_integer(column.type)
    ):
        return cells_of(asked, column.to_pylist(), wrong)
    missing = column.is_null().to_numpy(zero_copy_only=False)
    values = column.cast("float64", safe=False).to_numpy(zero_copy_only=False)
    return NumberCells(np.where(missing, 0.0, values), missing)


def _looked(opened: Any, column: str, kind: Any) -> Look:
    """The kind of a column by its type; of texts also by the length of the first ones."""
    seen = by_type(kind)
    if seen.kind is Kind.CATEGORICAL:
        first = next(opened.iter_batches(FIRST_ROWS, columns=[column]), None)
        by_values = look(first.column(0).to_pylist()) if first is not None else seen
        return by_values if by_values.kind is None else seen
    return seen


def by_type(kind: Any) -> Look:
    """The kind of a column by its type alone."""
    from pyarrow import types  # noqa: PLC0415 - see above

    value = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_integer(value) or types.is_floating(value) or types.is_decimal(value):
        return Look(Kind.NUMERIC, f"its type is {kind}")
    if types.is_boolean(value) or types.is_string(value) or types.is_large_string(value):
        return Look(Kind.CATEGORICAL, f"its type is {value}")
    return Look(None, f"its type is {kind}: numbers, texts and true and false are profiled")
