"""What clients of the Open Inference Protocol say beside their tensors: parameters, and headers that stand in
for them."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp
from inference.open_inference_pb2 import InferParameter
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument

PREFIX = "turnout_"
ENTITY_ID, EXTERNAL_ID, VARIANT = "turnout_entity_id", "turnout_external_id", "turnout_variant"
ATTRIBUTES, EVENT_TIME, MANIFEST = "turnout_attributes", "turnout_event_time", "turnout_manifest"

# For clients that cannot set parameters; a parameter goes before its header.
HEADERS = {
    "x-turnout-entity-id": ENTITY_ID,
    "x-turnout-external-id": EXTERNAL_ID,
    "x-turnout-variant": VARIANT,
    "x-turnout-attributes": ATTRIBUTES,
    "x-turnout-manifest": MANIFEST,
}

_HEADERS = tuple(HEADERS.items())

Value: TypeAlias = bool | int | str | float


class InvalidParameter(InvalidArgument):
    """A parameter of an inference that nobody knows, or of another type."""


def values_of(parameters: Mapping[str, InferParameter], call: Call) -> dict[str, Value]:
    """The parameters by name, with what headers say. One whose type we do not know is left out."""
    header = call.header
    found: dict[str, Value] = {name: told for known, name in _HEADERS if (told := header(known))}
    # Most have none, and asking a map for its entries takes longer than asking whether it has any.
    for name, one in parameters.items() if parameters else ():
        if kind := one.WhichOneof("parameter_choice"):
            found[name] = getattr(one, kind)
    return found


def enter(values: Mapping[str, Value], request: PredictRequest) -> None:
    """Write into the request what parameters say of it. Raises InvalidParameter, naming the parameter."""
    for name, value in values.items():
        if entry := ENTRIES.get(name):
            entry(name, value, request)
        elif name.startswith(PREFIX) and name != MANIFEST:
            known = ", ".join(sorted({*ENTRIES, MANIFEST} - {"sequence_id"}))
            raise wrong(name, f"is not known; there are {known}")
    # What a sequence is for a model server, an entity is for a router: those who stay together.
    if not request.entity_id and (sequence := values.get("sequence_id")):
        request.entity_id = _text("sequence_id", sequence)


def seconds_of(values: Mapping[str, Value]) -> float | None:
    """The `timeout` parameter, microseconds, in seconds; None where there is none, or 0. Raises
    InvalidParameter."""
    given = values.get("timeout", 0)
    if isinstance(given, str) and given.isdecimal():
        given = int(given)
    if not isinstance(given, int) or given < 0:
        raise wrong("timeout", f"a number of microseconds expected, got {given!r:.40}")
    return given / 1e6 if given else None


def wants_manifest(values: Mapping[str, Value]) -> bool:
    """Whether the manifest shall be in the reply's parameters. Raises InvalidParameter."""
    given = values.get(MANIFEST, False)
    if given in (True, False):
        return bool(given)
    if str(given).lower() in ("true", "false"):
        return str(given).lower() == "true"
    raise wrong(MANIFEST, f"true or false expected, got {given!r:.40}")


def wrong(name: str, description: str) -> InvalidParameter:
    """The error of a parameter."""
    field = f"parameters[{name[:60]!r}]"
    return InvalidParameter(f"{field}: {description}", fields=[(field, description)])


def _text(name: str, value: Value) -> str:
    # Ids are often numbers, and clients send those as such.
    if isinstance(value, (bool, float)):
        raise wrong(name, f"a text expected, got {value!r:.40}")
    return str(value)


def _entity_id(name: str, value: Value, request: PredictRequest) -> None:
    request.entity_id = _text(name, value)


def _external_id(name: str, value: Value, request: PredictRequest) -> None:
    request.external_id = _text(name, value)


def _variant(name: str, value: Value, request: PredictRequest) -> None:
    request.variant = _text(name, value)


def _event_time(name: str, value: Value, request: PredictRequest) -> None:
    stamp = Timestamp()
    try:
        stamp.FromJsonString(_text(name, value))
    except ValueError:
        raise wrong(name, f"a time such as 2026-01-31T12:00:00Z expected, got {value!r:.40}") from None
    request.event_time.CopyFrom(stamp)


def _attributes(name: str, value: Value, request: PredictRequest) -> None:
    for key, told in _pairs(name, value):
        request.attributes[key] = told


def _pairs(name: str, value: Value) -> Iterator[tuple[str, str]]:
    right = 'a JSON object of texts expected, such as {"tier": "gold"}'
    try:
        read: Any = json.loads(_text(name, value))
    except ValueError:
        raise wrong(name, f"{right}; this is no JSON") from None
    if not isinstance(read, dict):
        raise wrong(name, f"{right}; this is no object")
    for key, told in read.items():
        if not isinstance(told, str):
            raise wrong(name, f"{right}; {key[:40]!r} is no text")
        yield key, told


ENTRIES: dict[str, Callable[[str, Value, PredictRequest], None]] = {
    ENTITY_ID: _entity_id,
    EXTERNAL_ID: _external_id,
    VARIANT: _variant,
    ATTRIBUTES: _attributes,
    EVENT_TIME: _event_time,
}
