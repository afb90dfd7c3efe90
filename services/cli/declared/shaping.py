"""Plain values into messages of the contract: every field that is wrong is told, with what would be right.

Fields go by the contract's names, enums by theirs; times may be written as 500ms, 30s, 10m, 24h or 7d.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from google.api.field_behavior_pb2 import OUTPUT_ONLY, field_behavior
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from services.cli.declared.reading import Document, Path, Problem

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
TIME = r"(\d{1,12}(?:\.\d{1,9})?)(ms|[smhdw])"
# Values of any shape, which their messages take as they are.
FREE = {"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"}
INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
}
# As JSON spells them.
ENDLESS = ("Infinity", "-Infinity", "NaN")
NUMBERS = {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}


class Shaping:
    """Collects the problems of one document while its values are brought into shape."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def wrong(self, path: Path, said: str) -> None:
        """Note a problem with what stands at the path."""
        self.problems.append(Problem(self._document.place(path), spelled(path), said))

    def message(
        self,
        kind: Descriptor,
        value: Any,
        path: Path,
        without: Collection[str] = (),
        also: Collection[str] = (),
    ) -> dict[str, Any]:
        """A mapping as the JSON of a message; `without` are fields that may not be written, `also` keys that
        are no fields of it."""
        if not isinstance(value, dict):
            self.wrong(path, f"has fields: write them, one to a line; got {said(value)}")
            return {}
        known = {field.name: field for field in settable(kind) if field.name not in without}
        shaped, chosen = dict[str, Any](), dict[str, str]()
        for key, given in value.items():
            here = (*path, key)
            if key in also:
                continue
            if (field := known.get(key)) is None:
                self.wrong(here, self._unknown(kind, key, [*known, *also]))
                continue
            if given is None and not is_part(field):
                continue
            oneof = field.containing_oneof
            if oneof and (other := chosen.setdefault(oneof.name, key)) != key:
                self.wrong(here, f"stands beside {other}: {kind.name} has one of them")
            # A strategy without any field of its own may stand alone: least_loaded, and a colon.
            shaped[key] = self._field(field, {} if given is None else given, here)
        return shaped

    def _unknown(self, kind: Descriptor, key: str, known: Collection[str]) -> str:
        if key in kind.fields_by_name:
            return "is set by the server; leave it out"
        return f"is no field of {kind.name}; {meant(key, known)}"

    def _field(self, field: FieldDescriptor, value: Any, path: Path) -> Any:
        if is_map(field):
            inner = map_value(field)
            if not isinstance(value, dict):
                self.wrong(path, f"is a mapping: write NAME: VALUE, one to a line; got {said(value)}")
                return {}
            return {key: self._one(inner, one, (*path, key)) for key, one in value.items()}
        if field.is_repeated:
            if not isinstance(value, list):
                self.wrong(path, f"is a list: write - before each; got {said(value)}")
                return []
            return [self._one(field, one, (*path, number)) for number, one in enumerate(value)]
        return self._one(field, value, path)

    def _one(self, field: FieldDescriptor, value: Any, path: Path) -> Any:
        kind = field.message_type
        if kind is None:
            return self._scalar(field, value, path)
        if kind.full_name in FREE:
            return value
        if kind.full_name == "google.protobuf.Duration":
            return self._time(value, path)
        if kind.full_name == "google.protobuf.Timestamp":
            return self._text(value, path)
        return self.message(kind, value, path)

    def _time(self, value: Any, path: Path) -> str:
        told = re.fullmatch(TIME, value) if isinstance(value, str) else None
        if told is None:
            self.wrong(path, f"is a time: write 500ms, 30s, 10m, 24h or 7d; got {said(value)}")
            return "0s"
        return f"{float(told[1]) * SECONDS[told[2]]:.9f}s"

    def _scalar(self, field: FieldDescriptor, value: Any, path: Path) -> Any:
        read: Callable[[Any, Path], Any] = self._text
        if field.enum_type is not None:
            return self._name(field, value, path)
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            read = self._flag
        elif field.cpp_type in INTEGERS:
            read = self._whole
        elif field.cpp_type in NUMBERS:
            read = self._number
        return read(value, path)

    def _name(self, field: FieldDescriptor, value: Any, path: Path) -> Any:
        names = enum_names(field)
        if value not in names:
            tail = [one for one in names if isinstance(value, str) and one.endswith(f"_{value.upper()}")]
            advice = f"did you mean {tail[0]}?" if len(tail) == 1 else f"write one of {', '.join(names)}"
            self.wrong(path, f"{said(value)} is none of its values; {advice}")
            return names[0]
        return value

    def _flag(self, value: Any, path: Path) -> bool:
        if not isinstance(value, bool):
            self.wrong(path, f"is true or false; got {said(value)}")
        return bool(value)

    def _whole(self, value: Any, path: Path) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self.wrong(path, f"is a whole number; got {said(value)}")
        return 0

    def _number(self, value: Any, path: Path) -> float:
        if (isinstance(value, int | float) and not isinstance(value, bool)) or value in ENDLESS:
            return float(value)
        self.wrong(path, f"is a number; got {said(value)}")
        return 0.0

    def _text(self, value: Any, path: Path) -> str:
        if not isinstance(value, str):
            advice = "; write it in quotes" if isinstance(value, bool | int | float) else ""
            self.wrong(path, f"is a text{advice}; got {said(value)}")
            return ""
        return value


def settable(kind: Descriptor) -> Iterable[FieldDescriptor]:
    """The fields of a message that a caller may write."""
    return (one for one in kind.fields if OUTPUT_ONLY not in one.GetOptions().Extensions[field_behavior])


def is_map(field: FieldDescriptor) -> bool:
    """Whether it is a map, which a descriptor shows as a list of entries."""
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def is_part(field: Any) -> bool:
    """Whether it is one message of the contract's own."""
    kind = field.message_type
    return bool(not field.is_repeated and kind and kind.full_name.startswith("turnout."))


def map_value(field: Any) -> FieldDescriptor:
    """What the values of a map are."""
    value: FieldDescriptor = field.message_type.fields_by_name["value"]
    return value


def enum_names(field: Any) -> list[str]:
    """Values of an enum but the one that says nothing."""
    return [one.name for one in field.enum_type.values if one.number]


def meant(key: str, known: Collection[str]) -> str:
    """What may have been meant.

    >>> meant("wieght", ["id", "model", "weight"])
    'did you mean weight?'
    """
    close = difflib.get_close_matches(key, known, 1)
    return f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(known))}"


def said(value: Any) -> str:
    """A value as it was understood."""
    names: Mapping[type, str] = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return names.get(type(value)) or repr(value)[:60]


def spelled(path: Path) -> str:
    """A path in words.

    >>> spelled(("routers", 0, "variants", 1, "weight"))
    'routers[0].variants[1].weight'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
