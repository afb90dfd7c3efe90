"""An inference as a router reads it: the tensors' bytes go over as they are."""

import re
from typing import NamedTuple

from inference.open_inference_pb2 import ModelInferRequest
from turnout.inference.v1.input_pb2 import Input, TensorInput
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.foundation.errors import TurnoutError
from services.models.alike import Alike, around, filled
from services.models.framing import delimited, text
from services.router.doors.hastening import Hastened
from services.router.doors.parameters import (
    ATTRIBUTES,
    ENTITY_ID,
    EVENT_TIME,
    EXTERNAL_ID,
    VARIANT,
    enter,
    seconds_of,
    values_of,
    wants_manifest,
    wrong,
)
from services.state.names import id_of

_TENSORS = TensorInput.TENSORS_FIELD_NUMBER
_RAW = TensorInput.RAW_CONTENTS_FIELD_NUMBER
_INPUT, _OF_TENSORS = PredictRequest.INPUT_FIELD_NUMBER, Input.TENSORS_FIELD_NUMBER
_ROUTER, _REQUEST_ID = PredictRequest.ROUTER_FIELD_NUMBER, PredictRequest.REQUEST_ID_FIELD_NUMBER
# What these ask for of outputs is done by Triton itself, beside its models.
UNSUPPORTED = ("classification", "shared_memory_region")


class Question(NamedTuple):
    """An inference, understood.

    call: with as little time as the `timeout` parameter leaves. id: echoed. raw: contents came raw, and go
    back so. wanted: names of outputs, none for all. manifest: whether to tell it.
    """

    request: PredictRequest
    call: Call
    id: str
    raw: bool
    wanted: tuple[str, ...]
    manifest: bool


class _Form(NamedTuple):
    """What was made of an inference whose contents came raw: the PredictRequest around them, without its id,
    and the outputs that it asks for."""

    request: tuple[bytes, ...]
    wanted: tuple[str, ...]


# It depends on the bytes of an inference alone, whatever routers there are.
_alike: Alike[_Form] = Alike(ModelInferRequest, "raw_input_contents")


def question_of(asked: ModelInferRequest, call: Call) -> Question:
    """Read an inference; its parameters are taken out of it. Raises InvalidParameter for what they cannot
    mean."""
    values = values_of(asked.parameters, call)
    if values:
        # Entities and the like differ from one inference to the next.
        asked.ClearField("parameters")
    message = _form_of(asked)
    found = _alike.find(message)
    body = _reframed(asked) if found is None else filled(found[0].request, found[1])
    request = PredictRequest.FromString(text(_REQUEST_ID, asked.id) + body)
    seconds = None
    if values:
        enter(values, request)
        seconds = seconds_of(values)
    if found is None:
        wanted = tuple([_named(index, one) for index, one in enumerate(asked.outputs)])
        contents = asked.raw_input_contents
        raw = bool(contents)
        _alike.learn(message, _Form(around(body, _RAW, contents), wanted))
    else:
        raw, wanted = True, found[0].wanted
    return Question(
        request,
        call if seconds is None else Hastened(call, seconds),
        asked.id,
        raw,
        wanted,
        bool(values) and wants_manifest(values),
    )


def _form_of(asked: ModelInferRequest) -> bytes:
    """The inference, serialized without its id, which tells alike ones apart."""
    given = asked.id
    asked.id = ""
    message = asked.SerializeToString()
    asked.id = given
    return message


def _reframed(asked: ModelInferRequest) -> bytes:
    """Fields of a PredictRequest: the router and the input."""
    # Field by field the two messages differ in numbers alone, so a tensor's bytes stand for themselves.
    parts = [delimited(_TENSORS, one.SerializeToString()) for one in asked.inputs]
    parts += [delimited(_RAW, content) for content in asked.raw_input_contents]
    return text(_ROUTER, asked.model_name) + delimited(_INPUT, delimited(_OF_TENSORS, b"".join(parts)))


def _named(index: int, output: ModelInferRequest.InferRequestedOutputTensor) -> str:
    told = output.parameters
    for name in UNSUPPORTED if told else ():
        if name in told:
            raise wrong(name, f"routers do not do it; leave it out of outputs[{index}]")
    return output.name


def plain_id(model_name: str) -> str:
    """A router's id, however it was spelt: what replies call the model."""
    return id_of(model_name) if model_name.startswith("routers/") else model_name


def as_asked(error: TurnoutError, router: str = "model_name") -> TurnoutError:
    """The same error in the words of the protocol: where a router's request says `input.tensors.tensors[0]`,
    an inference says `inputs[0]`. `router` is the field that names the router."""
    error.message = _named_so(_translated(error.message), router)
    error.fields = tuple(
        field._replace(
            field=_named_so(_translated(field.field), router), description=_translated(field.description)
        )
        for field in error.fields
    )
    return error


def _named_so(said: str, router: str) -> str:
    """With the protocol's name of the field that stands at its beginning: a parameter, mostly."""
    names = {**_FIELDS, "router": router}
    return _FIELD.sub(lambda found: names[found[0]], said, count=1)


def _translated(said: str) -> str:
    for ours, theirs in _WORDS:
        said = said.replace(ours, theirs)
    return said


_FIELDS = {
    "request_id": "id",
    "input": "inputs",
    "variant": f"parameters[{VARIANT!r}]",
    "entity_id": f"parameters[{ENTITY_ID!r}]",
    "external_id": f"parameters[{EXTERNAL_ID!r}]",
    "attributes": f"parameters[{ATTRIBUTES!r}]",
    "event_time": f"parameters[{EVENT_TIME!r}]",
}
# The field itself, or one of its parts, or what is said of a name; never a word of a sentence.
_FIELD = re.compile(rf"^(?:router|{'|'.join(_FIELDS)})(?=[:\[]|$| is required| must be )")
_WORDS = (
    ("input.tensors.tensors", "inputs"),
    ("input.tensors.raw_contents", "raw_input_contents"),
    ("either contents or raw_contents", "either contents or raw_input_contents"),
    ("travels in raw_contents", "travels in raw_input_contents"),
)
