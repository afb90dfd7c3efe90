"""What a REST body may have: the script that refuses what the contract does not know, and its tables."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from services.gateway.contract import Contract, Operation

# Messages with a JSON of their own: what is in them is no field.
FREE = "google.protobuf."
# What a field holds: the name of a message, `=` and an enum's, `*` and that of a map's values, or True for
# what is not looked into.
Kind = str | bool


def script(contract: Contract) -> str:
    """The script, behind its tables."""
    calls: dict[str, list[tuple[str, str]]] = {}
    messages: dict[str, Descriptor | EnumDescriptor] = {}
    for operation in contract.operations:
        if operation.body and not operation.client_streaming:
            body = _body(contract, operation)
            verb, colon, last = operation.verb, *operation.path.rpartition(":")[1:]
            key = verb + colon + last if colon else verb
            calls.setdefault(key, []).append((pattern(operation.path), body.full_name))
            _gather(body, messages)
    fields = {name: dict(_spelled(each)) for name, each in messages.items()}
    names = {name: ", ".join(_told(each)) for name, each in messages.items()}
    tables = {"CALLS": calls, "FIELDS": fields, "NAMES": names}
    told = "\n".join(f"local {name} = {_lua(table)}" for name, table in tables.items())
    return f"{told}\n{(files('services.gateway') / 'request_fields.lua').read_text()}"


def pattern(template: str) -> str:
    """What Lua matches the paths of a template with.

    >>> pattern("/v1/{name=routers/*}:set-it")
    '^/v1/routers/[^/:]+:set%-it$'
    """
    plain = re.sub(r"\{[\w.]+(?:=([^}]+))?\}", lambda variable: variable[1] or "*", template)
    escaped = re.sub(r"([-.+?$^()%])", r"%\1", plain)
    return f"^{escaped.replace('**', '.+').replace('*', '[^/:]+')}$"


def _body(contract: Contract, operation: Operation) -> Descriptor:
    request: Descriptor = contract.pool.FindMessageTypeByName(operation.request)
    if operation.body == "*":
        return request
    part = request.fields_by_name[operation.body].message_type
    if part is None:
        raise TypeError(f"the body of {operation.full_name} is no message")
    return part


def _gather(what: Descriptor | EnumDescriptor, found: dict[str, Descriptor | EnumDescriptor]) -> None:
    """A message, and all that is in it; or an enum."""
    if (name := _name(what)) in found:
        return
    found[name] = what
    if isinstance(what, Descriptor):
        for field in what.fields:
            if (inner := _inner(field)) is not None:
                _gather(inner, found)


def _inner(field: FieldDescriptor) -> Descriptor | EnumDescriptor | None:
    """What a field, or each value of a map, has fields or values of; None where it has none."""
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return _inner(message.fields_by_name["value"])
    found = message or field.enum_type
    return None if found is None or found.full_name.startswith(FREE) else found


def _name(what: Descriptor | EnumDescriptor) -> str:
    return what.full_name if isinstance(what, Descriptor) else f"={what.full_name}"


def _spelled(what: Descriptor | EnumDescriptor) -> Iterator[tuple[str, Kind]]:
    if not isinstance(what, Descriptor):
        yield from ((value.name, True) for value in what.values)
        return
    for field in what.fields:
        inner = _inner(field)
        entry = field.message_type is not None and field.message_type.GetOptions().map_entry
        kind: Kind = True if inner is None else ("*" if entry else "") + _name(inner)
        yield field.name, kind
        yield field.json_name, kind


def _told(what: Descriptor | EnumDescriptor) -> list[str]:
    if isinstance(what, Descriptor):
        return sorted(field.name for field in what.fields)
    return [value.name for value in what.values if value.number or len(what.values) == 1]


def _lua(value: object) -> str:
    """A table of texts, truths, lists and tables."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"[{json.dumps(key)}] = {_lua(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "{" + ", ".join(map(_lua, value)) + "}"
    return json.dumps(value)
