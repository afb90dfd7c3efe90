"""Replies that differ in nothing but their numbers are read without parsing them.

A model server's reply to one row is the same bytes every time, save the raw contents at its end. Once such a
reply was read the long way, the next ones only need their constant parts compared and their numbers unpacked:
about 1 µs in place of 8.
"""

import struct
from typing import NamedTuple

from inference.open_inference_pb2 import ModelInferResponse

from services.models.datatypes import DATATYPES
from services.models.elements import Elements, Tensors
from services.models.framing import header

# A server that stamps each reply with an id of its own never repeats a form; stop looking for one.
MOST_LESSONS = 16


class _Place(NamedTuple):
    start: int
    stop: int
    datatype: str


class Form:
    """The form of a reply to one row."""

    def __init__(self, layout: struct.Struct, raw: bytes, places: dict[str, _Place]) -> None:
        self._layout = layout
        self._places = places
        found = layout.unpack(raw)
        self._constants = [(at, part) for at, part in enumerate(found) if isinstance(part, bytes)]

    def read(self, raw: bytes) -> Tensors | None:
        """The tensors of a reply, if it has this form."""
        # Constant parts hold names, types and shapes, so what they promise need not be checked again.
        if len(raw) != self._layout.size:
            return None
        found = self._layout.unpack(raw)
        for at, part in self._constants:
            if found[at] != part:
                return None
        places = self._places

        def read(name: str) -> Elements:
            start, stop, datatype = places[name]
            return found[start:stop], stop - start, datatype

        return read


def learn(raw: bytes, reply: ModelInferResponse) -> Form | None:
    """The form of a sound reply to one row; None where its numbers do not all sit in raw contents at its
    end."""
    contents = list(reply.raw_output_contents)
    kinds = [DATATYPES.get(tensor.datatype, DATATYPES["BYTES"]) for tensor in reply.outputs]
    # Also a tensor that nobody reads must have a fixed extent.
    if len(contents) != len(kinds) or not contents:
        return None
    if any(not kind.numeric or len(part) % kind.size for kind, part in zip(kinds, contents, strict=True)):
        return None
    heads = [header(ModelInferResponse.RAW_OUTPUT_CONTENTS_FIELD_NUMBER, len(part)) for part in contents]
    tail = b"".join(head + part for head, part in zip(heads, contents, strict=True))
    if not raw.endswith(tail):
        return None
    layout, at = f"<{len(raw) - len(tail)}s", 1
    places: dict[str, _Place] = {}
    for tensor, kind, head, part in zip(reply.outputs, kinds, heads, contents, strict=True):
        count = len(part) // kind.size
        layout += f"{len(head)}s{count}{kind.code}"
        places.setdefault(tensor.name, _Place(at + 1, at + 1 + count, kind.name))
        at += 1 + count
    return Form(struct.Struct(layout), raw, places)


class ReplyReader:
    """Reads the replies of one model, and remembers their form."""

    def __init__(self) -> None:
        self._form: Form | None = None
        self._lessons = 0

    def known(self, raw: bytes) -> Tensors | None:
        """The tensors of a reply to one row, if it has the form of an earlier one."""
        return self._form.read(raw) if self._form is not None else None

    def remember(self, raw: bytes, reply: ModelInferResponse) -> None:
        """Learn the form of a reply to one row that was read without complaint."""
        if self._lessons < MOST_LESSONS:
            self._lessons += 1
            self._form = learn(raw, reply)
