"""What clients of the Open Inference Protocol get: the tensors of the member that answered, or an answer put
into tensors, under the router's name."""

import json
from collections.abc import Sequence

from google.protobuf.json_format import MessageToDict
from inference.open_inference_pb2 import ModelInferResponse, ModelStreamInferResponse
from turnout.inference.v1.manifest_pb2 import Manifest
from turnout.inference.v1.output_pb2 import Output

from services.foundation.errors import InvalidArgument, TurnoutError
from services.models.datatypes import DATATYPES, encode_bytes, encode_numbers
from services.router.doors.answers import answer_of
from services.router.doors.questions import Question, plain_id
from services.router.execution.ledger import Ledger

PREDICTION_ID, DEGRADED, MANIFEST = "turnout_prediction_id", "turnout_degraded", "turnout_manifest"
OURS = (PREDICTION_ID, DEGRADED, MANIFEST)
# The field, set, wherever it stands: what does not have these two bytes is not degraded.
_MAYBE_DEGRADED = bytes((Manifest.DEGRADED_FIELD_NUMBER << 3, 1))


class UnknownOutput(InvalidArgument):
    """The inference asks for an output that the answer does not have."""


def reply_of(question: Question, generation: int, ledger: Ledger) -> bytes:
    """The serialized ModelInferResponse. Raises UnknownOutput for an output that nobody gave."""
    reply = tensors_of(question, ledger)
    reply.model_name = plain_id(question.request.router)
    reply.model_version = str(generation)
    reply.id = question.id
    told = reply.parameters
    if told:
        # A member that speaks of predictions does not speak of this one.
        for name in OURS:
            told.pop(name, None)
    told[PREDICTION_ID].string_param = ledger.prediction_id
    told[DEGRADED].bool_param = degraded(ledger.manifest)
    if question.manifest:
        told[MANIFEST].string_param = canonical(ledger.manifest)
    return reply.SerializeToString()


def tensors_of(question: Question, ledger: Ledger) -> ModelInferResponse:
    """The answer's tensors, as they are asked for."""
    if ledger.tensors:
        reply = ModelInferResponse.FromString(ledger.tensors)
        if question.raw and not reply.raw_output_contents:
            make_raw(reply)
    else:
        reply = answer_of(Output.FromString(ledger.output), raw=question.raw)
    if question.wanted:
        keep(reply, question.wanted, ledger.prediction_id)
    return reply


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


def degraded(manifest: bytes) -> bool:
    """Whether a serialized Manifest says so."""
    return _MAYBE_DEGRADED in manifest and Manifest.FromString(manifest).degraded


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
