"""Messages as JSON Schema, as the JSON mapping of protobuf has them, with the protos' own field names."""

from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from services.gateway.contract import Contract

Schema = dict[str, Any]

_F = FieldDescriptor
SCALARS: dict[int, Schema] = {
    _F.TYPE_DOUBLE: {"type": "number", "format": "double"},
    _F.TYPE_FLOAT: {"type": "number", "format": "float"},
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    **{
        kind: {"type": "integer", "format": "int32"}
        for kind in (_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32, _F.TYPE_UINT32, _F.TYPE_FIXED32)
    },
    # Whole numbers that JavaScript could not hold are texts.
    **{
        kind: {"type": "string", "format": "int64"}
        for kind in (_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64, _F.TYPE_UINT64, _F.TYPE_FIXED64)
    },
}
WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?\d+(\.\d+)?s$", "examples": ["0.05s"]},
    "google.protobuf.FieldMask": {"type": "string", "examples": ["description,tags"]},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Value": {"description": "Any JSON."},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string"}},
        "additionalProperties": True,
    },
    "google.protobuf.Empty": {"type": "object"},
    "google.api.HttpBody": {"type": "string", "contentMediaType": "application/octet-stream"},
}


class Schemas:
    """Makes schemas, and keeps those of the messages that they refer to."""

    def __init__(self, contract: Contract) -> None:
        self._pool = contract.pool
        self._comments = contract.comments
        self.kept: dict[str, Schema] = {}

    def message(self, name: str) -> Descriptor:
        """The descriptor of a message. Raises KeyError."""
        return self._pool.FindMessageTypeByName(name)

    def of_message(self, message: Descriptor) -> Schema:
        """A reference to a message."""
        if known := WELL_KNOWN.get(message.full_name):
            return dict(known)
        if message.full_name not in self.kept:
            # Before its fields: messages may hold themselves.
            self.kept[message.full_name] = {}
            self.kept[message.full_name] = self.of_fields(message)
        return _reference(message.full_name)

    def of_fields(self, message: Descriptor, without: frozenset[str] = frozenset()) -> Schema:
        """A message in full, without some of its fields."""
        fields = [field for field in message.fields if field.name not in without]
        needed = [field.name for field in fields if behaves(field, field_behavior_pb2.REQUIRED)]
        made: Schema = {
            "type": "object",
            "properties": {field.name: self.of_field(field) for field in fields},
        }
        if said := self._described(message):
            made["description"] = said
        return made | ({"required": needed} if needed else {})

    def of_field(self, field: FieldDescriptor) -> Schema:
        """A field with what is said of it."""
        made = self._of_type(field)
        if said := self._comments.get(field.full_name):
            made["description"] = said
        if behaves(field, field_behavior_pb2.OUTPUT_ONLY):
            made["readOnly"] = True
        return made

    def _of_type(self, field: FieldDescriptor) -> Schema:
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            return {"type": "object", "additionalProperties": self._of_one(message.fields_by_name["value"])}
        one = self._of_one(field)
        return {"type": "array", "items": one} if field.is_repeated else one

    def _of_one(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None:
            return self.of_message(field.message_type)
        if field.enum_type is not None:
            return self._of_enum(field.enum_type)
        return dict(SCALARS[field.type])

    def _of_enum(self, enum: EnumDescriptor) -> Schema:
        if enum.full_name not in self.kept:
            said = [
                f"{value.name}: {told}"
                for value in enum.values
                if (told := self._comments.get(f"{enum.full_name}.{value.name}"))
            ]
            told = " ".join([self._comments.get(enum.full_name, ""), *said]).strip()
            self.kept[enum.full_name] = {
                "type": "string",
                "enum": [value.name for value in enum.values],
                **({"description": told} if told else {}),
            }
        return _reference(enum.full_name)

    def _described(self, message: Descriptor) -> str:
        """What is said of a message, and which of its fields exclude each other."""
        said = [self._comments.get(message.full_name, "")]
        for oneof in message.oneofs:
            names = [field.name for field in oneof.fields]
            # An optional field is the only one of a oneof that nobody wrote.
            if len(names) > 1:
                said.append(f"At most one of {', '.join(names)}.")
        return " ".join(each for each in said if each)


def behaves(field: FieldDescriptor, behaviour: int) -> bool:
    """Whether a field is annotated so."""
    return behaviour in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
