"""CSV, NDJSON and JSON, row by row."""

import codecs
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from services.drift.errors import BaselineFile
from services.drift.tables import BrokenTable, Misread, Reader, Row
from services.drift.tables.csv_rows import CsvReader
from services.drift.tables.json_rows import JsonReader
from services.drift.tables.ndjson_rows import NdjsonReader
from services.drift.uploading.blocks import Block, Refused, Wrong, cells_of, segments_of, sound, weights
from services.drift.uploading.gathering import Gathering
from services.drift.uploading.refusals import Refusals
from services.drift.uploading.schema import Schema, decide, looks_of
from services.drift.uploading.wishes import Format, Wishes

# Rows that tell the kinds of columns, at most; and how many bytes of rows are held for it.
LOOKED_AT, LOOKED_AT_BYTES = 10_000, 16 << 20
BLOCK = 5_000


class TextFile:
    """A file of rows: the first ones are held until the kinds of their columns are decided."""

    def __init__(self, wishes: Wishes, form: Format) -> None:
        self.refusals = Refusals(wishes.max_refused_share)
        self._wishes = wishes
        self._reader = reader_of(wishes, form)
        self._transcoder = Transcoder(wishes.encoding)
        self._rows: list[Row] = []
        self._bytes = 0
        self._counting: tuple[Schema, Gathering] | None = None

    def feed(self, data: bytes) -> None:
        """More of it."""
        self._bytes += len(data)
        try:
            self._take(self._reader.feed(self._transcoder.utf8(data)))
        except BrokenTable as broken:
            raise broken_file(broken) from None

    def end(self) -> tuple[Schema, Gathering]:
        """That was all: what was read."""
        try:
            self._take(self._reader.feed(self._transcoder.utf8(b"", final=True)))
            self._take(self._reader.end())
        except BrokenTable as broken:
            raise broken_file(broken) from None
        if not self._rows and not self._counting:
            self.refusals.check()
        self._count(final=True)
        if self._counting is None:
            raise BaselineFile("the file has no rows")
        return self._counting

    def close(self) -> None:
        """Give back what it holds."""
        if self._counting:
            self._counting[1].close()

    def _take(self, found: Sequence[Row | Misread]) -> None:
        misread = [Refused(one.line, "", one.why) for one in found if isinstance(one, Misread)]
        self._rows += [one for one in found if isinstance(one, Row)]
        self.refusals.rows += len(found)
        self.refusals.add(misread)
        held = self._counting is None and len(self._rows) < LOOKED_AT and self._bytes < LOOKED_AT_BYTES
        if not held:
            self._count(final=False)

    def _count(self, final: bool) -> None:
        if self._counting is None and self._rows:
            self._counting = self._decided()
        while self._counting and len(self._rows) >= (1 if final else BLOCK):
            block, wrong = read_block(self._rows[:BLOCK], self._counting[0])
            self._rows = self._rows[BLOCK:]
            self._counting[1].add(block)
            self.refusals.add(wrong)

    def _decided(self) -> tuple[Schema, Gathering]:
        seen = [row.values for row in self._rows[:LOOKED_AT]]
        columns = dict.fromkeys(name for row in seen for name in row)
        # Fields that a JSON object lacks are missing; the header may know of more than the first rows have.
        told = [] if isinstance(self._reader, CsvReader) else self._told()
        schema = decide(list({**columns, **dict.fromkeys(told)}), looks_of(seen, self._wishes), self._wishes)
        return schema, Gathering(schema.wanted, bool(schema.segments))

    def _told(self) -> list[str]:
        own = {name: column for column, name in self._wishes.column_map.items()}
        return [own.get(name, name) for name in (*self._wishes.features, *self._wishes.kinds)]


def read_block(rows: Sequence[Row], schema: Schema) -> tuple[Block, list[Refused]]:
    """Rows as a block of those that count, and the others."""
    wrong: Wrong = {}
    records = [row.values for row in rows]
    table = {column: _column(records, column) for column in schema.reads}
    weight = np.ones(len(rows), dtype=np.int64)
    if schema.weight:
        weight = weights(schema.weight, table[schema.weight], wrong)
    cells = {one.name: cells_of(one, table[one.column], wrong) for one in schema.asked}
    segments = segments_of(table, schema.segments, wrong)
    refused = [Refused(rows[index].line, *wrong[index]) for index in sorted(wrong)]
    return sound(cells, segments, weight, wrong), refused


def _column(records: Sequence[Mapping[str, Any]], column: str) -> list[Any]:
    try:
        return list(map(itemgetter(column), records))
    except KeyError:
        return [record.get(column) for record in records]


def reader_of(wishes: Wishes, form: Format) -> Reader:
    """The reader of a format of text."""
    if form is Format.CSV:
        return CsvReader(wishes.delimiter)
    return JsonReader() if form is Format.JSON else NdjsonReader()


class Transcoder:
    """Bytes of any encoding as UTF-8, cut wherever they were cut."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        utf8 = encoding in ("", "utf-8")
        self._decoder = None if utf8 else codecs.getincrementaldecoder(encoding)()
        self._read = 0

    def utf8(self, data: bytes, final: bool = False) -> bytes:
        """The same in UTF-8. Raises BaselineFile for bytes that are none of the encoding."""
        if self._decoder is None:
            return data
        try:
            text = self._decoder.decode(data, final)
        except UnicodeError as error:
            why = error.reason if isinstance(error, UnicodeDecodeError) else str(error)
            said = f"not {self._encoding}: {why}, in the {len(data):,} bytes from byte {self._read:,} on"
            wanted = [("header.encoding", "the encoding that the file was saved in")]
            raise BaselineFile(f"the file is {said}", fields=wanted) from None
        self._read += len(data)
        return text.encode("utf-8", "surrogatepass")


def broken_file(broken: BrokenTable) -> BaselineFile:
    """A table that cannot be read on, as an error."""
    where = f"line {broken.line}"
    return BaselineFile(f"{where}: {broken.why}", fields=[(where, broken.why)], line=broken.line)
