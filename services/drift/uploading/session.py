"""One upload: bytes in, features of all rows and of each segment out. Knows no transport and no Redis."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.drift.baselines import Feature, Segment
from services.drift.errors import BaselineFile
from services.drift.uploading.blocks import Refused
from services.drift.uploading.files import START, File, guess
from services.drift.uploading.gathering import Gathering, Part
from services.drift.uploading.parquet_file import ParquetFile
from services.drift.uploading.refusals import Refusals
from services.drift.uploading.schema import Schema
from services.drift.uploading.text_file import TextFile
from services.drift.uploading.wishes import Format, Wishes

# A day's training set of most; a larger one is sampled, and its cells will hardly differ.
MOST_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class Made:
    """What is made of some of a file's rows."""

    segment: Segment | None
    rows: int
    features: tuple[Feature, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is made of a file: first of all rows, then of each segment; why columns are left out, by their
    name in it; and what became of its rows."""

    made: Sequence[Made]
    schema: Schema
    left: Mapping[str, str]
    form: Format
    rows: int
    refused: int
    told: Sequence[Refused]


class Session:
    """Reads one file. Methods raise BaselineFile, and OSError where the disk is full; `close` in any case."""

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self._start = b""
        self._file: File | None = None
        self._form = wishes.format
        self._bytes = 0
        self._digest = hashlib.blake2b(digest_size=16)

    @property
    def digest(self) -> str:
        """Of the bytes that came."""
        return self._digest.hexdigest()

    def feed(self, data: bytes) -> None:
        """More of the file, cut anywhere."""
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            raise BaselineFile(f"the file is larger than {MOST_BYTES:,} bytes: sample its rows")
        self._digest.update(data)
        if self._file:
            self._file.feed(data)
            return
        self._start += data
        if len(self._start) >= START:
            self._open()

    def end(self) -> Outcome:
        """That was all."""
        wanted = self._wishes.file_bytes
        if wanted and self._bytes < wanted:
            raise BaselineFile(
                f"the file was cut: {self._bytes:,} of its {wanted:,} bytes came", bytes=self._bytes
            )
        if wanted and self._bytes > wanted:
            said = f"says that the file has {wanted:,} bytes, and {self._bytes:,} came: give its size, or 0"
            raise BaselineFile(
                f"header.file_bytes {said}", fields=[("header.file_bytes", said)], bytes=self._bytes
            )
        if not self._bytes:
            raise BaselineFile("the file is empty")
        file = self._file or self._open()
        schema, gathering = file.end()
        file.refusals.check()
        return self._outcome(schema, gathering, file.refusals)

    def close(self) -> None:
        """Give back what the file holds."""
        if self._file:
            self._file.close()

    def _open(self) -> File:
        form = self._form = self._form or guess(self._start)
        made: File = ParquetFile(self._wishes) if form is Format.PARQUET else TextFile(self._wishes, form)
        self._file = made
        made.feed(self._start)
        return made

    def _outcome(self, schema: Schema, gathering: Gathering, refusals: Refusals) -> Outcome:
        left = {one.column: one.reason for one in schema.left}
        made = []
        for segment, part in gathering.parts.items():
            features, nothing = gathering.features(part)
            if segment is None:
                _check_nothing(nothing, schema)
                by_name = {one.name: one.column for one in schema.asked}
                left |= {by_name[name]: reason for name, reason in nothing.items()}
            if features:
                made.append(Made(segment, part.rows, tuple(features), _warnings(part, nothing, refusals)))
        if not made:
            reasons = "; ".join(f"{column!r}: {reason}" for column, reason in list(left.items())[:5])
            raise BaselineFile(f"no column of the file can be profiled ({reasons})")
        form = self._form or Format.CSV
        return Outcome(made, schema, left, form, refusals.rows, refusals.refused, sorted(refusals.told))


def _check_nothing(nothing: Mapping[str, str], schema: Schema) -> None:
    for name, reason in nothing.items():
        if name in schema.demanded:
            said = f"{name!r} cannot be profiled: {reason}"
            raise BaselineFile(said, fields=[("header.features", said)])


def _warnings(part: Part, nothing: Mapping[str, str], refusals: Refusals) -> tuple[str, ...]:
    said = []
    if refusals.refused:
        first = refusals.told[0]
        said.append(
            f"{refusals.refused:,} of the file's {refusals.rows:,} rows were left out; the first is line "
            f"{first.line}: {first.why}"
        )
    said += [f"Feature {name!r} was left out: {reason}." for name, reason in sorted(nothing.items())]
    said += [
        f"Feature {name!r} has too many categories: counts may be up to {column.doubt:,} too low."
        for name, column in sorted(part.columns.items())
        if column.doubt
    ]
    return tuple(said)
