"""Messages of which some parts stay packed, for who hands them on or reads millions of them by other means.

A prediction's features are two maps, and to read them costs more than all the rest of its event. A
`PackedEvent` is read from the same bytes, and its `features`, `time` and `event_time` are bytes: those of a
TabularInput and of Timestamps, as they were written, and unread; whoever reads them may find that they are
none. Where bytes that nobody writes have one of them twice, the last one counts, and they are not merged. A
`PackedRecord` has its event so.

The other way round, the predictions of an EventBatch are bytes, so that one that cannot be read costs no
other. To read them with their batch, as a `WholeBatch` or a `PackedBatch`, takes a tenth of what it takes one
by one.

And `SideBySide` reads a batch as columns. What comes again in a field for one message is merged with what
was there: so the parts of all events come to lie in one, and a field of each is a list of all. It takes a
third of what it takes to ask every event. Whose a value is, is known where there are as many as events; bytes
in which one event has a field twice and another has none would be read shifted, and nobody writes such.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent, PredictionRecord
from turnout.inference.v1.manifest_pb2 import Manifest

M = TypeVar("M", bound=Message)
_Field = descriptor_pb2.FieldDescriptorProto
# In every other field it is a PredictionEvent, and may stand for one where those are not read.
PackedEvent: TypeAlias = PredictionEvent


def _twin(known: type[M], name: str, fields: Mapping[str, type[Message] | None]) -> type[M]:
    """The message with another name, out of its own descriptor: a field that comes to it is in the twin too.
    `fields` are read as other messages than before, or as bytes where it has none for them."""
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
        other = fields.get(field.name)
        if other is not None:
            file.dependency.append(other.DESCRIPTOR.file.name)
            field.type, field.type_name = field.TYPE_MESSAGE, f".{other.DESCRIPTOR.full_name}"
        elif field.name in fields:
            # Optional: empty bytes are a message too, and nothing is none.
            field.type, field.proto3_optional = field.TYPE_BYTES, True
            field.ClearField("type_name")
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{field.name}")
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return cast("type[M]", message_factory.GetMessageClass(pool.FindMessageTypeByName(own)))


_EVENT: type[PackedEvent] = _twin(
    PredictionEvent, "PackedEvent", {"features": None, "time": None, "event_time": None}
)
# Typed as they are made: with messages for bytes.
WholeBatch: Any = _twin(EventBatch, "WholeBatch", {"predictions": PredictionEvent})
PackedBatch: Any = _twin(EventBatch, "PackedBatch", {"predictions": _EVENT})
# Typed as it is made: with bytes for an event.
PackedRecord: Any = _twin(PredictionRecord, "PackedRecord", {"event": None})


def _columns() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="turnout/columns.proto", package="turnout.columns", syntax="proto3"
    )
    manifests = file.message_type.add(name="Manifests")
    _listed(manifests, Manifest, "prediction_id")
    events = file.message_type.add(name="Events")
    _listed(events, PredictionEvent, "format", "time", "event_time", "features", "withheld")
    _merged(events, PredictionEvent, "manifest", ".turnout.columns.Manifests")
    batch = file.message_type.add(name="Batch")
    _merged(batch, EventBatch, "predictions", ".turnout.columns.Events")
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("turnout.columns.Batch"))


def _listed(made: descriptor_pb2.DescriptorProto, known: type[Message], *names: str) -> None:
    """Fields of a message that shall be lists; messages and texts are bytes in it."""
    for name in names:
        field = known.DESCRIPTOR.fields_by_name[name]
        own = made.field.add(
            name=name, number=field.number, label=_Field.LABEL_REPEATED, type=_Field.TYPE_BYTES
        )
        if field.type not in (_Field.TYPE_MESSAGE, _Field.TYPE_STRING):
            own.type = cast("Any", field.type)


def _merged(made: descriptor_pb2.DescriptorProto, known: type[Message], name: str, other: str) -> None:
    """A field that shall be one message of another kind, however often it comes."""
    number = known.DESCRIPTOR.fields_by_name[name].number
    made.field.add(
        name=name, number=number, label=_Field.LABEL_OPTIONAL, type=_Field.TYPE_MESSAGE, type_name=other
    )


SideBySide: Any = _columns()


def packed_event(wire: bytes) -> PackedEvent:
    """The event of these bytes. Raises DecodeError."""
    return _EVENT.FromString(wire)


def happened(event: PredictionEvent | PackedEvent) -> Timestamp:
    """When it was in the caller's world; its arrival where that is not said. Raises DecodeError."""
    told: Any = event.event_time if event.HasField("event_time") else event.time
    return Timestamp.FromString(told) if isinstance(told, bytes) else told
