"""How a file is to be read, and what can be wrong with that."""

import re
from collections.abc import Callable, Mapping

from turnout.drift.v1 import truth_pb2 as rpc

from services.drift.tables import ENCODINGS, READERS, Mark, Reader, guess
from services.foundation.errors import FieldViolation, InvalidArgument

UPLOAD_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
FORMATS: Mapping[rpc.TableFormat, str] = {
    rpc.TABLE_FORMAT_CSV: "csv",
    rpc.TABLE_FORMAT_JSON: "json",
    rpc.TABLE_FORMAT_NDJSON: "ndjson",
}
FORMAT_OF = {name: number for number, name in FORMATS.items()}


def check_header(header: rpc.GroundTruthHeader) -> None:
    """Raises InvalidArgument, naming every wrong field."""
    wrong = []
    if header.format not in rpc.TableFormat.values():
        names = ", ".join(rpc.TableFormat.keys())
        wrong.append(FieldViolation("header.format", f"one of {names}, got {header.format}"))
    if header.kind not in rpc.TruthKind.values():
        wrong.append(
            FieldViolation("header.kind", f"one of {', '.join(rpc.TruthKind.keys())}, got {header.kind}")
        )
    if header.encoding and header.encoding.lower() not in ENCODINGS:
        said = f"one of {', '.join(ENCODINGS)}, got {header.encoding[:40]!r}"
        wrong.append(FieldViolation("header.encoding", said))
    if header.delimiter and (len(header.delimiter) != 1 or header.delimiter in '"\r\n'):
        said = f"one character that is neither a quote nor a line end, got {header.delimiter[:10]!r}"
        wrong.append(FieldViolation("header.delimiter", said))
    if header.upload_id and not UPLOAD_ID.fullmatch(header.upload_id):
        said = f"1 to 64 letters, digits, hyphens and underscores, got {header.upload_id[:70]!r}"
        wrong.append(FieldViolation("header.upload_id", said))
    if header.router and header.model:
        wrong.append(FieldViolation("header.model", "goes without router: rows are of the one or the other"))
    wrong += _offset_faults(header)
    if wrong:
        raise InvalidArgument(f"{wrong[0].field}: {wrong[0].description}", fields=wrong)


def _offset_faults(header: rpc.GroundTruthHeader) -> list[FieldViolation]:
    wrong = []
    if header.offset < 0:
        wrong.append(FieldViolation("header.offset", f"0 or more, got {header.offset}"))
    if (header.offset or header.status_only) and not header.upload_id:
        said = "is required with offset and status_only: it says which upload"
        wrong.append(FieldViolation("header.upload_id", said))
    if header.dry_run and (header.offset or header.status_only):
        said = "goes without offset and status_only: nothing of a dry run is kept"
        wrong.append(FieldViolation("header.dry_run", said))
    return wrong


def format_of(start: bytes, header: rpc.GroundTruthHeader) -> str:
    """The name of the format that a header says, or a file begins like."""
    codec = ENCODINGS[header.encoding.lower() or "utf-8"]
    return FORMATS.get(header.format) or guess(start[:1024].decode(codec, "ignore").encode())


def reader_of(header: rpc.GroundTruthHeader, name: str, after: Mark | None) -> Reader:
    """A reader of the format of that name."""
    encoding = header.encoding.lower() or "utf-8"
    make: Callable[..., Reader] = READERS[name]
    if name == "csv":
        return make(header.delimiter, encoding, after)
    return make(encoding, after)
