"""Tables that arrive in pieces: CSV, JSON (an array of objects) and NDJSON, read in bounded memory.

A reader is fed bytes, cut wherever the sender cut them, and gives back the rows that are complete. A row that
cannot be read is a `Misread` with its line, and does not cost the others; what makes everything after it
unreadable raises `BrokenTable`.
"""

from collections.abc import Callable, Mapping

from services.drift.tables.csv_rows import CsvReader
from services.drift.tables.json_rows import JsonReader
from services.drift.tables.ndjson_rows import NdjsonReader
from services.drift.tables.rows import ENCODINGS, BrokenTable, Mark, Misread, Reader, Row

READERS: Mapping[str, Callable[..., Reader]] = {"csv": CsvReader, "json": JsonReader, "ndjson": NdjsonReader}


def guess(start: bytes) -> str:
    """The name of the format that a table begins like.

    >>> guess(b'prediction_id,label'), guess(b' [{"label": 1}]'), guess(b'{"label": 1}')
    ('csv', 'json', 'ndjson')
    """
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return {b"[": "json", b"{": "ndjson"}.get(text[:1], "csv")


__all__ = ["ENCODINGS", "READERS", "BrokenTable", "Mark", "Misread", "Reader", "Row", "guess"]
