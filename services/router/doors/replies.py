"""What clients of the Open Inference Protocol get: the tensors of the member that answered, or an answer put
into tensors, under the router's name."""

import json
from collections.abc import Sequence
from functools import lru_cache

from google.protobuf.json_format import MessageToDict
from inference.open_inference_pb2 import InferParameter, ModelInferResponse, ModelStreamInferResponse
from turnout.inference.v1.manifest_pb2 import Manifest
from turnout.inference.v1.output_pb2 import Output

from services.foundation.errors import InvalidArgument, TurnoutError
from services.models.alike import Alike
from services.models.datatypes import DATATYPES, encode_bytes, encode_numbers
from services.models.framing import delimited, header, text
from services.router.doors.answers import answer_of
from services.router.doors.questions import Question, plain_id
from services.router.execution.ledger import Ledger

PREDICTION_ID, DEGRADED, MANIFEST = "turnout_prediction_id", "turnout_degraded", "turnout_manifest"
OURS = (PREDICTION_ID, DEGRADED, MANIFEST)
_MODEL_NAME = ModelInferResponse.MODEL_NAME_FIELD_NUMBER
_MODEL_VERSION = ModelInferResponse.MODEL_VERSION_FIELD_NUMBER
_REPLY_ID = ModelInferResponse.ID_FIELD_NUMBER
_STRING_PARAM = InferParameter.STRING_PARAM_FIELD_NUMBER
_PARAMETERS = ModelInferResponse.PARAMETERS_FIELD_NUMBER

# The outputs of a member's reply whose contents are raw and that has no parameters: it is passed on as it is.
# Whether it is such a one depends on its bytes alone.
_alike: Alike[tuple[str, ...]] = Alike(ModelInferResponse, "raw_output_contents")


class UnknownOutput(InvalidArgument):
    """The inference asks for an output that the answer does not have."""


def reply_of(question: Question, generation: int, ledger: Ledger) -> bytes:
    """The serialized ModelInferResponse. Raises UnknownOutput for an output that nobody gave.

    What a reply says of itself follows the tensors of the member that answered: of a field that comes twice,
    and of a parameter, the later one counts.
    """
    told = [
        tensors_of(question, ledger),
        named(question.request.router, generation),
        delimited(_REPLY_ID, question.id.encode()),
        _spoken(PREDICTION_ID, ledger.prediction_id),
        _flag(DEGRADED, ledger.degraded),
    ]
    if question.manifest:
        told.append(_spoken(MANIFEST, canonical(ledger.manifest)))
    return b"".join(told)


def tensors_of(question: Question, ledger: Ledger) -> bytes:
    """A serialized ModelInferResponse with the answer's tensors, as they are asked for."""
    if not ledger.tensors:
        return fitted(answer_of(Output.FromString(ledger.output), raw=question.raw), question, ledger)
    known = _alike.find(ledger.tensors)
    if known is not None and question.wanted in ((), known[0]):
        return ledger.tensors
    reply = ModelInferResponse.FromString(ledger.tensors)
    if question.raw and not reply.raw_output_contents:
        make_raw(reply)
    elif not reply.parameters:
        names = tuple([output.name for output in reply.outputs])
        if known is None:
            _alike.learn(ledger.tensors, names)
        if question.wanted in ((), names):
            return ledger.tensors
    # A member that speaks of predictions does not speak of this one.
    for name in OURS:
        reply.parameters.pop(name, None)
    return fitted(reply, question, ledger)


def fitted(reply: ModelInferResponse, question: Question, ledger: Ledger) -> bytes:
    """The reply with no outputs but those that are wanted, serialized."""
    if question.wanted:
        keep(reply, question.wanted, ledger.prediction_id)
    return reply.SerializeToString()


@lru_cache(1024)
def named(router: str, generation: int) -> bytes:
    """The fields of a reply that name the model and its version."""
    return delimited(_MODEL_NAME, plain_id(router).encode()) + text(_MODEL_VERSION, str(generation))


def _spoken(name: str, value: str) -> bytes:
    """A parameter that is a text."""
    raw = value.encode()
    return _before(name, len(raw)) + raw


@lru_cache(64)
def _before(name: str, length: int) -> bytes:
    """What precedes a text of so many bytes: an entry of a map is a message of a key and a value."""
    value = header(_STRING_PARAM, length)
    entry = text(1, name) + header(2, len(value) + length) + value
    return header(_PARAMETERS, len(entry) + length) + entry


@lru_cache(2)
def _flag(name: str, value: bool) -> bytes:
    reply = ModelInferResponse()
    reply.parameters[name].bool_param = value
    return reply.SerializeToString()


def make_raw(reply: ModelInferResponse) -> None:
    """Move typed contents into raw ones: tritonclient reads no other."""
    for output in reply.outputs:
        kind = DATATYPES[output.datatype]
        values = getattr(output.contents, kind.contents) if kind.contents else ()
        encoded = encode_numbers(kind, values) if kind.numeric else encode_bytes(values)
        reply.raw_output_contents.append(encoded)
        output.ClearField("contents")


def keep(reply: ModelInferResponse, wanted: Sequence[str], prediction_id: str) -> None:
    """Leave the outputs that are wanted, in that order. Raises UnknownOutput."""
    names = [output.name for output in reply.outputs]
    for name in wanted:
        if name not in names:
            said = f"one of {names} expected, got {name[:60]!r}"
            raise UnknownOutput(
                f"outputs: {said} (prediction {prediction_id})",
                fields=[("outputs", said)],
                prediction_id=prediction_id,
            )
    if names == list(wanted):
        return
    places = [names.index(name) for name in wanted]
    outputs = [reply.outputs[place] for place in places]
    raw = [reply.raw_output_contents[place] for place in places] if reply.raw_output_contents else []
    kept = ModelInferResponse(outputs=outputs, raw_output_contents=raw)
    reply.ClearField("outputs")
    reply.ClearField("raw_output_contents")
    reply.MergeFrom(kept)


def canonical(manifest: bytes) -> str:
    """A serialized Manifest as JSON: the contract's field names, sorted, without spaces."""
    told = MessageToDict(Manifest.FromString(manifest), preserving_proto_field_name=True)
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def failure_of(error: TurnoutError, asked_id: str, model_name: str) -> bytes:
    """A serialized ModelStreamInferResponse for an inference that failed: Triton tells of it in the stream,
    which goes on."""
    reply = ModelStreamInferResponse(error_message=f"{error.code}: {error.message}")
    reply.infer_response.id, reply.infer_response.model_name = asked_id, plain_id(model_name)
    if prediction_id := error.facts.get("prediction_id"):
        reply.infer_response.parameters[PREDICTION_ID].string_param = prediction_id
    return reply.SerializeToString()
