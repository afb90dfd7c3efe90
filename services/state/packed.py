"""Messages of which one part stays packed, for who hands it on or reads millions of them by other means.

A prediction's features are two maps, and to read them costs more than all the rest of its event. A
`PackedEvent` is read from the same bytes, and its `features` are bytes: those of a TabularInput, as they were
written, and unread; whoever reads them may find that they are none. A `PackedRecord` has its event so.
"""

from typing import Any, TypeAlias, TypeVar, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from turnout.inference.v1.event_pb2 import PredictionEvent, PredictionRecord

M = TypeVar("M", bound=Message)
# In every other field it is a PredictionEvent, and may stand for one where features are not read.
PackedEvent: TypeAlias = PredictionEvent


def _twin(known: type[M], name: str, packed: str) -> type[M]:
    """The message with another name and bytes for the field `packed`, out of its own descriptor: a field that
    comes to it is in the twin too."""
    package = known.DESCRIPTOR.file.package
    own = f"{package}.{name}"
    file = descriptor_pb2.FileDescriptorProto(name=f"{own}.proto", package=package, syntax="proto3")
    file.dependency.append(known.DESCRIPTOR.file.name)
    file.dependency.extend(one.name for one in known.DESCRIPTOR.file.dependencies)
    message = file.message_type.add()
    known.DESCRIPTOR.CopyToProto(message)
    message.name = name
    for field in message.field:
        if field.HasField("type_name"):
            former = f".{known.DESCRIPTOR.full_name}."
            field.type_name = field.type_name.replace(former, f".{own}.")
        if field.name == packed:
            # Optional: empty bytes are a message too, and nothing is none.
            field.type, field.proto3_optional = field.TYPE_BYTES, True
            field.ClearField("type_name")
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{packed}")
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return cast("type[M]", message_factory.GetMessageClass(pool.FindMessageTypeByName(own)))


_EVENT: type[PackedEvent] = _twin(PredictionEvent, "PackedEvent", "features")
# Typed as it is made: with bytes for an event.
PackedRecord: Any = _twin(PredictionRecord, "PackedRecord", "event")


def packed_event(wire: bytes) -> PackedEvent:
    """The event of these bytes. Raises DecodeError."""
    return _EVENT.FromString(wire)
