"""Field by field, what is and what is to be."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from google.api.field_behavior_pb2 import INPUT_ONLY, OUTPUT_ONLY, field_behavior
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict

from services.cli.declared.shaping import FREE, INTEGERS, is_map, map_value

# What items of a list are known by: one that moved is not a change of all of them.
KEYS = ("id", "name", "address")
HIDDEN = "***"


class Difference(NamedTuple):
    """A field: None for what is not there."""

    path: str
    before: Any
    after: Any


def plain(message: Any) -> Any:
    """What a caller may write of a message, as plain values without what must not be shown."""
    return _whole(MessageToDict(settable_part(message), preserving_proto_field_name=True), message.DESCRIPTOR)


def settable_part(message: Any) -> Any:
    """A copy without what only the server sets, however deep, and without secrets."""
    made = type(message)()
    made.CopyFrom(message)
    _strip(made)
    return made


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """Of plain values, field by field."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*after, *(key for key in before if key not in after)]:
            yield from differences(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, path)
    elif before != after:
        yield Difference(path, before, after)


def _of_lists(before: list[Any], after: list[Any], path: str) -> Iterator[Difference]:
    key = next((one for one in KEYS if _known_by(before, one) and _known_by(after, one)), None)
    if key is None:
        yield from _by_place(before, after, path)
        return
    old, new = ({item[key]: item for item in items} for items in (before, after))
    for name in [*new, *(name for name in old if name not in new)]:
        yield from differences(old.get(name), new.get(name), f"{path}[{name}]")
    common = [name for name in old if name in new]
    if common != [name for name in new if name in old]:
        yield Difference(f"{path} (their order)", list(old), list(new))


def _by_place(before: list[Any], after: list[Any], path: str) -> Iterator[Difference]:
    """Of lists whose items have no names: one by one where there are as many."""
    if len(before) == len(after) and all(isinstance(one, dict) for one in (*before, *after)):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{path}[{place}]")
    elif before != after:
        yield Difference(path, before, after)


def _known_by(items: list[Any], key: str) -> bool:
    names = [item.get(key) if isinstance(item, dict) else None for item in items]
    return None not in names and len(set(map(str, names))) == len(names)


def _whole(value: Any, kind: Any) -> Any:
    """The same with numbers where JSON has texts, as JavaScript knows no great ones: nobody writes '100'."""
    for key, field in kind.fields_by_name.items() if isinstance(value, dict) else ():
        if key not in value or kind.full_name in FREE:
            continue
        if is_map(field):
            inner = map_value(field)
            value[key] = {name: _whole_one(one, inner) for name, one in value[key].items()}
        elif field.is_repeated:
            value[key] = [_whole_one(one, field) for one in value[key]]
        else:
            value[key] = _whole_one(value[key], field)
    return value


def _whole_one(value: Any, field: FieldDescriptor) -> Any:
    if field.message_type is not None:
        return _whole(value, field.message_type)
    return int(value) if field.cpp_type in INTEGERS else value


def _strip(message: Any) -> None:
    for field, value in message.ListFields():
        behavior = field.GetOptions().Extensions[field_behavior]
        if OUTPUT_ONLY in behavior or field.name == "etag":
            message.ClearField(field.name)
        elif INPUT_ONLY in behavior:
            setattr(message, field.name, HIDDEN)
        elif field.message_type is not None and field.message_type.full_name.startswith("turnout."):
            _strip_within(field, value)


def _strip_within(field: FieldDescriptor, value: Any) -> None:
    if is_map(field):
        if map_value(field).message_type is not None:
            for each in value.values():
                _strip(each)
    elif field.is_repeated:
        for each in value:
            _strip(each)
    else:
        _strip(value)
