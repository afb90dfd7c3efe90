"""Open Inference Protocol over gRPC: Triton, KServe, MLServer and the like."""

import asyncio
import re
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from inference import open_inference_pb2 as wire
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1 import model_pb2
from turnout.router.v1.overrides_pb2 import Overrides

from services.models.answer import Reply, malformed
from services.models.connections import Connections
from services.models.elements import parsed_tensors
from services.models.endpoints import Attributes, Line, Probe, TensorInfo
from services.models.errors import InputMismatch
from services.models.forms import ReplyReader
from services.models.inferring import connected, failed
from services.models.outputs import OutputReader, compile_outputs, pass_on, read_outputs
from services.models.overriding import refuse_others
from services.models.problems import Problems
from services.models.reach import TOLD, forbidden
from services.models.signature import LaidOut, Request, Signature, read_signature

SERVICE = "/inference.GRPCInferenceService/"
ADDRESS = re.compile(r"(?:grpc://)?(?:[^\s:/]+|\[[0-9a-fA-F:.]+\]):\d{1,5}/?")

# Of a probe's reply: whatever a server says, it must fit into ours.
MOST_TENSORS = 1000

_CONFIDENCES = (
    model_pb2.CONFIDENCE_SOURCE_UNSPECIFIED,
    model_pb2.CONFIDENCE_SOURCE_MAX_PROBABILITY,
)


def compile_oip(model: model_pb2.Model, problems: Problems) -> "OipWire":
    """Compile a registration; what is wrong goes to `problems`."""
    for index, endpoint in enumerate(model.endpoints):
        if not ADDRESS.fullmatch(endpoint.address):
            told = f"host:port or grpc://host:port expected, got '{endpoint.address}'"
            problems.add(f"model.endpoints[{index}].address", told)
        elif forbidden(endpoint.address):
            problems.add(f"model.endpoints[{index}].address", TOLD)
    if model.secret_ref:
        problems.add("model.secret_ref", "OIP_GRPC endpoints are called in the clear; they get no secrets")
    if model.confidence_from not in _CONFIDENCES:
        problems.add("model.confidence_from", "an OIP_GRPC model's confidence is its MAX_PROBABILITY")
    return OipWire(model, read_signature(model, problems), read_outputs(model, problems))


class OipWire:
    """A model behind the Open Inference Protocol. The request's constant parts are serialized here."""

    def __init__(self, model: model_pb2.Model, signature: Signature, outputs: OutputReader) -> None:
        self._model = model
        self._signature = signature
        self._outputs = outputs
        self._replies = ReplyReader()
        self.open_inference = True
        self.takes, self.gives = signature.expected, outputs.names
        self.span_attributes: Attributes = {
            "rpc.system.name": "grpc",
            "rpc.method": (SERVICE + "ModelInfer").strip("/"),
        }
        self._form = _form(model)
        self._served = model.served_name or model.name.removeprefix("models/")
        wanted = [wire.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in outputs.names]
        # Protobuf takes fields in any order, so a call only appends its input.
        self._head = wire.ModelInferRequest(
            model_name=self._served, model_version=model.version, outputs=wanted
        ).SerializeToString()

    def features(self, given: Input) -> TabularInput | None:
        return self._signature.features(given)

    def prepare(self, given: Input, laid_out: LaidOut | None = None) -> Request:
        fields, rows = self._assembled(given, laid_out)
        if rows > 1 and self._outputs.single:
            told = f"one row expected: {self._model.name} answers with one text, got {rows} rows"
            raise InputMismatch(told, fields=[("input", told)], model=self._model.name)
        return Request(self._head + fields, rows)

    def _assembled(self, given: Input, laid_out: LaidOut | None) -> Request:
        if laid_out is None:
            return self._signature.assemble(given)
        found = laid_out.get(self._form)
        if found is None:
            found = laid_out[self._form] = self._signature.assemble(given)
        return found

    def read(self, raw: bytes, rows: int) -> Reply:
        read = self._outputs.read
        if rows == 1 and read is not None and (known := self._replies.known(raw)) is not None:
            return read(known)
        try:
            message = wire.ModelInferResponse.FromString(raw)
        except DecodeError:
            raise malformed("not a ModelInferResponse") from None
        if read is None:
            return pass_on(message)
        reply = read(parsed_tensors(message, rows))
        # Only now: a reply that was refused must not become the form of those to come.
        if rows == 1:
            self._replies.remember(raw, message)
        return reply

    def with_overrides(self, given: Overrides) -> "OipWire":
        refuse_others(given, ("threshold",), "only a chat model has it", self._model.name)
        return OipWire(self._model, self._signature, compile_outputs(self._model, given.threshold))

    def connect(self, connections: Connections, address: str) -> Line:
        channel = connections.channel(address.removeprefix("grpc://").rstrip("/"))

        async def probe(timeout: float) -> Probe:  # noqa: ASYNC109
            return await _probe(channel, self._served, self._model.version, timeout)

        return Line(connected(channel, SERVICE + "ModelInfer"), probe)


def _form(model: model_pb2.Model) -> bytes:
    """Equal for models that read inputs alike."""
    inputs = model_pb2.Signature()
    inputs.CopyFrom(model.signature)
    inputs.ClearField("outputs")
    return inputs.SerializeToString(deterministic=True)


async def _probe(channel: grpc.aio.Channel, name: str, version: str, seconds: float) -> Probe:
    clock = asyncio.get_running_loop().time
    # Both questions together have the time of one call.
    end = clock() + seconds

    async def ask(method: str, request: Message, reply: type[Any]) -> Any:
        call: grpc.aio.UnaryUnaryMultiCallable[Any, Any] = channel.unary_unary(
            SERVICE + method, lambda message: message.SerializeToString(), reply.FromString
        )
        return await call(request, timeout=max(0.0, end - clock()))

    try:
        asked = wire.ModelReadyRequest(name=name, version=version)
        if not (await ask("ModelReady", asked, wire.ModelReadyResponse)).ready:
            return Probe(False, f"the server says that '{name}' is not ready")
        query = wire.ModelMetadataRequest(name=name, version=version)
        metadata = await ask("ModelMetadata", query, wire.ModelMetadataResponse)
    except grpc.aio.AioRpcError as failure:
        raise failed(failure, seconds) from None
    return Probe(True, inputs=_tensors(metadata.inputs), outputs=_tensors(metadata.outputs))


def _tensors(given: Any) -> tuple[TensorInfo, ...]:
    some = given[:MOST_TENSORS]
    return tuple(TensorInfo(tensor.name, tensor.datatype, tuple(tensor.shape)) for tensor in some)
