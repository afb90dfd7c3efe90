"""Recorded decisions from a file: lines of JSON, or serialized messages one after the other."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from turnout.inference.v1.event_pb2 import PredictionEvent, PredictionRecord
from turnout.inference.v1.manifest_pb2 import Manifest

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
    """JSON lines of PredictionRecord, PredictionEvent, PredictResponse or Manifest, or PredictionRecord
    messages, each after its length as a varint. Raises UnreadableError."""
    first = source.read(1)
    if first in (b"{", b"\n", b" ", b"\t"):
        yield from _lines(first, source)
    elif first:
        yield from _messages(first, source)


def _lines(first: bytes, source: BinaryIO) -> Iterator[Entry]:
    for number, line in enumerate(source, 1):
        text = first + line if number == 1 else line
        if text.strip():
            where = f"line {number}"
            try:
                yield Entry(where, _event(json.loads(text)))
            except (ValueError, json_format.ParseError) as wrong:
                raise UnreadableError(f"{where}: {wrong}") from None


def _event(given: Any) -> PredictionEvent:
    if not isinstance(given, dict):
        raise UnreadableError("a JSON object is needed")
    # A reply of Predict or GetPrediction, as it was printed.
    given = given.get("prediction", given)
    if "event" in given:
        return json_format.ParseDict(given, PredictionRecord(), ignore_unknown_fields=True).event
    if "manifest" in given:
        return json_format.ParseDict(given, PredictionEvent(), ignore_unknown_fields=True)
    if "decision" in given:
        manifest = json_format.ParseDict(given, Manifest(), ignore_unknown_fields=True)
        return PredictionEvent(manifest=manifest)
    raise UnreadableError("neither a record, an event nor a manifest: it has no decision")


def _messages(first: bytes, source: BinaryIO) -> Iterator[Entry]:
    number = 0
    while first:
        number += 1
        length = _varint(first, source)
        body = source.read(length)
        if len(body) < length:
            raise UnreadableError(f"record {number} is cut off")
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
