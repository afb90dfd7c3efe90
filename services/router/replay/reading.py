"""Recorded decisions from a file: lines of JSON, serialized messages one after the other, or an export."""

import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from turnout.inference.v1.event_pb2 import PredictionEvent, PredictionRecord
from turnout.inference.v1.manifest_pb2 import Manifest

from services.router.replay import exported

# A varint of more bytes is none; a message of more is no record of ours.
LONGEST_VARINT = 5
LONGEST_MESSAGE = 64 * 1024 * 1024


class UnreadableError(ValueError):
    """The file is neither of what is read here; says where."""


class Entry(NamedTuple):
    """One decision, and where in the file it is, for people."""

    where: str
    event: PredictionEvent


def read(source: BinaryIO) -> Iterator[Entry]:
    """JSON lines of PredictionRecord, PredictionEvent, PredictResponse, Manifest or an export;
    PredictionRecord messages, each after its length as a varint; or an export as Parquet, which is held in
    memory where it comes through a pipe. A prediction of an export is one entry, however many rows it has.

    Raises UnreadableError.
    """
    first = source.read(len(exported.MAGIC))
    if first == exported.MAGIC:
        yield from _table(first, source)
        return
    begun = io.BufferedReader(_Begun(first, source))
    if first[:1] in (b"{", b"\n", b" ", b"\t"):
        yield from _lines(begun)
    else:
        yield from _messages(begun)


class _Begun(io.RawIOBase):
    """A file of which the beginning was read already."""

    def __init__(self, first: bytes, source: BinaryIO) -> None:
        self._first = first
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        taken, self._first = self._first[: len(room)], self._first[len(room) :]
        taken = taken or self._source.read(len(room))
        room[: len(taken)] = taken
        return len(taken)


def _table(first: bytes, source: BinaryIO) -> Iterator[Entry]:
    file = source if source.seekable() else io.BytesIO(first + source.read())
    try:
        for place, row in exported.table(file):
            yield Entry(f"row {place}", exported.event_of(row))
    except (ValueError, LookupError, json_format.ParseError) as wrong:
        raise UnreadableError(f"no export of predictions: {wrong}") from None


def _lines(source: BinaryIO) -> Iterator[Entry]:
    for number, text in enumerate(source, 1):
        if text.strip():
            where = f"line {number}"
            try:
                given = json.loads(text)
                if not exported.is_further_row(given):
                    yield Entry(where, _event(given))
            except (ValueError, LookupError, json_format.ParseError) as wrong:
                raise UnreadableError(f"{where}: {wrong}") from None


def _event(given: Any) -> PredictionEvent:
    if not isinstance(given, dict):
        raise UnreadableError("a JSON object is needed")
    # A reply of Predict or GetPrediction, as it was printed.
    given = given.get("prediction", given)
    if exported.is_row(given):
        return exported.event_of(given)
    if "event" in given:
        return json_format.ParseDict(given, PredictionRecord(), ignore_unknown_fields=True).event
    if "manifest" in given:
        return json_format.ParseDict(given, PredictionEvent(), ignore_unknown_fields=True)
    if "decision" in given:
        manifest = json_format.ParseDict(given, Manifest(), ignore_unknown_fields=True)
        return PredictionEvent(manifest=manifest)
    raise UnreadableError("neither a record, an event nor a manifest: it has no decision")


def _messages(source: BinaryIO) -> Iterator[Entry]:
    number, first = 0, source.read(1)
    while first:
        number += 1
        length = _varint(first, source)
        body = source.read(length)
        if len(body) < length:
            other = ", or this is no file of records" if number == 1 else ""
            raise UnreadableError(f"record {number} is cut off{other}")
        try:
            yield Entry(f"record {number}", PredictionRecord.FromString(body).event)
        except DecodeError:
            raise UnreadableError(f"record {number} is no PredictionRecord") from None
        first = source.read(1)


def _varint(first: bytes, source: BinaryIO) -> int:
    value, taken, byte = 0, 0, first
    while True:
        if not byte or taken == LONGEST_VARINT:
            raise UnreadableError("there is neither a line of JSON nor the length of a message")
        value |= (byte[0] & 0x7F) << 7 * taken
        if byte[0] < 0x80:
            break
        taken, byte = taken + 1, source.read(1)
    if value > LONGEST_MESSAGE:
        raise UnreadableError(f"a message of {value} bytes is no record")
    return value
