"""The JSON Schema of declarative files, for editors: of the contract's descriptors, with its comments."""

from collections.abc import Mapping
from typing import Any

from google.api.field_behavior_pb2 import REQUIRED, field_behavior
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from services.cli.declared.kinds import KINDS, STATES, Kind
from services.cli.declared.shaping import (
    ENDLESS,
    FREE,
    INTEGERS,
    NUMBERS,
    TIME,
    enum_names,
    is_map,
    map_value,
    settable,
)

Schema = dict[str, Any]

# The language servers of editors know this one best.
DRAFT = "http://json-schema.org/draft-07/schema#"
# Needed only where the strategy names no models itself.
NOT_ALWAYS = {"turnout.router.v1.Router.variants"}


def schema(comments: Mapping[str, str]) -> Schema:
    """The whole of it. `comments` say what a field, a message or a value is, by its full name."""
    making = _Making(comments)
    sections = {name: making.section(kind) for name, kind in KINDS.items()}
    return {
        "$schema": DRAFT,
        "title": "Turnout: models, baselines, alert configs and routers, as turnout apply takes them",
        "type": "object",
        "additionalProperties": False,
        "properties": sections,
        "definitions": dict(sorted(making.kept.items())),
    }


class _Making:
    """Keeps the schema of each message that is referred to."""

    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments
        self.kept: dict[str, Schema] = {}

    def section(self, kind: Kind) -> Schema:
        """A list of objects of a kind."""
        item = self._fields(kind.message.DESCRIPTOR, kind)
        return {"type": ["array", "null"], "description": item.get("description", ""), "items": item}

    def _fields(self, message: Descriptor, kind: Kind | None = None) -> Schema:
        without = kind.without if kind else ()
        fields = [one for one in settable(message) if one.name not in without]
        needed = [one.name for one in fields if _needed(one)]
        properties = {one.name: self._field(one) for one in fields}
        if kind is not None:
            needed = [*kind.needed, *(name for name in needed if name not in kind.needed)]
            for name, meaning in kind.also.items():
                properties[name] = {"type": "string", "description": meaning}
                if name == "state":
                    properties[name]["enum"] = list(STATES)
        made: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
        if told := self._comments.get(message.full_name):
            made["description"] = told
        if needed:
            made["required"] = needed
        choices = [_one_at_most([one.name for one in each.fields]) for each in message.oneofs if _real(each)]
        return made | ({"allOf": choices} if choices else {})

    def _field(self, field: FieldDescriptor) -> Schema:
        made: Schema
        if is_map(field):
            made = {"type": "object", "additionalProperties": self._one(map_value(field))}
        elif field.is_repeated:
            made = {"type": "array", "items": self._one(field)}
        else:
            made = self._one(field)
        told = self._comments.get(field.full_name)
        return made | ({"description": told} if told else {})

    def _one(self, field: FieldDescriptor) -> Schema:
        message = field.message_type
        if message is not None:
            return self._message(message)
        if field.enum_type is not None:
            return self._enum(field)
        if field.cpp_type in NUMBERS:
            return {"anyOf": [{"type": "number"}, {"enum": list(ENDLESS)}]}
        if field.cpp_type in INTEGERS:
            return {"type": "integer"}
        return {"type": "boolean" if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL else "string"}

    def _message(self, message: Descriptor) -> Schema:
        if message.full_name in FREE:
            return {}
        if message.full_name == "google.protobuf.Duration":
            return {
                "type": "string",
                "pattern": f"^{TIME}$",
                "examples": ["500ms", "30s", "10m", "24h", "7d"],
            }
        if message.full_name == "google.protobuf.Timestamp":
            return {"type": "string", "format": "date-time"}
        if message.full_name not in self.kept:
            # Before its fields: messages may hold themselves.
            self.kept[message.full_name] = {}
            # A strategy without any field of its own may stand alone: least_loaded, and a colon.
            self.kept[message.full_name] = self._fields(message) | {"type": ["object", "null"]}
        # What stands beside a reference is not looked at in this draft.
        return {"allOf": [{"$ref": f"#/definitions/{message.full_name}"}]}

    def _enum(self, field: Any) -> Schema:
        enum = field.enum_type
        names = enum_names(field)
        told = [self._comments.get(f"{enum.full_name}.{name}", "") for name in names]
        return {"enum": names, "enumDescriptions": told, "type": "string"}


def _needed(field: FieldDescriptor) -> bool:
    behaviors = field.GetOptions().Extensions[field_behavior]
    return REQUIRED in behaviors and field.full_name not in NOT_ALWAYS


def _real(oneof: Any) -> bool:
    """Whether it is one of the contract's: an optional field has one of its own."""
    return len(oneof.fields) > 1


def _one_at_most(names: list[str]) -> Schema:
    each = [{"required": [name]} for name in names]
    return {"oneOf": [*each, {"not": {"anyOf": each}}]}
