"""An inference as a router reads it: the tensors' bytes go over as they are."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from inference.open_inference_pb2 import ModelInferRequest
from turnout.inference.v1.input_pb2 import Input, TensorInput
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.foundation.errors import TurnoutError
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
    wanted: Sequence[str]
    manifest: bool


def question_of(asked: ModelInferRequest, call: Call) -> Question:
    """Read an inference. Raises InvalidParameter for what its parameters cannot mean."""
    raw = asked.raw_input_contents
    # Field by field the two messages differ in numbers alone, so a tensor's bytes stand for themselves.
    parts = [delimited(_TENSORS, one.SerializeToString()) for one in asked.inputs]
    parts += [delimited(_RAW, content) for content in raw]
    tensors = delimited(_OF_TENSORS, b"".join(parts))
    request = PredictRequest.FromString(
        text(_ROUTER, asked.model_name) + text(_REQUEST_ID, asked.id) + delimited(_INPUT, tensors)
    )
    values = values_of(asked.parameters, call)
    seconds = None
    if values:
        enter(values, request)
        seconds = seconds_of(values)
    return Question(
        request,
        call if seconds is None else Hastened(call, seconds),
        asked.id,
        bool(raw),
        [_named(index, one) for index, one in enumerate(asked.outputs)],
        bool(values) and wants_manifest(values),
    )


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
