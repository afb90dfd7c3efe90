"""OpenAI-compatible chat completions over HTTP: the hosted ones, vLLM, llama.cpp, Ollama and the like."""

from typing import Any

from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1 import model_pb2
from turnout.router.v1.overrides_pb2 import Overrides

from services.models import chat_reply
from services.models.answer import Reply
from services.models.chat_request import chat_request
from services.models.chat_stream import ChatStream, streamed
from services.models.connections import Connections
from services.models.endpoints import Line
from services.models.layouts import Expected
from services.models.openai_server import Server, attributes, check_addresses, served_name
from services.models.overriding import overridden, refuse_others
from services.models.problems import Problems
from services.models.signature import LaidOut, Request

METHOD = "chat/completions"
OVERRIDABLE = ("system_prompt", "template", "sampling")

_CONFIDENCES = (
    model_pb2.CONFIDENCE_SOURCE_UNSPECIFIED,
    model_pb2.CONFIDENCE_SOURCE_LOGPROB,
    model_pb2.CONFIDENCE_SOURCE_JSON_POINTER,
    # Of several samples, which an ensemble draws and compares; one answer by itself has none.
    model_pb2.CONFIDENCE_SOURCE_SELF_CONSISTENCY,
)


def compile_chat(model: model_pb2.Model, problems: Problems) -> "ChatWire":
    """Compile a registration; what is wrong goes to `problems`."""
    check_addresses(model, problems)
    if model.signature.features:
        problems.add("model.signature.features", "a chat model reads no columns")
    if model.signature.outputs.kind not in (
        model_pb2.OUTPUT_KIND_UNSPECIFIED,
        model_pb2.OUTPUT_KIND_TEXT,
    ):
        problems.add("model.signature.outputs.kind", "a chat model answers with text: OUTPUT_KIND_TEXT")
    if model.HasField("threshold"):
        problems.add("model.threshold", "only a classification has a threshold")
    if model.confidence_from not in _CONFIDENCES:
        wanted = "LOGPROB, JSON_POINTER or SELF_CONSISTENCY expected; a chat model has no other confidence"
        problems.add("model.confidence_from", wanted)
    if model.confidence_pointer and not model.confidence_pointer.startswith("/"):
        problems.add("model.confidence_pointer", "a JSON pointer expected, such as /confidence")
    return ChatWire(model)


class ChatWire:
    """A model behind a chat completion endpoint."""

    def __init__(self, model: model_pb2.Model, overrides: Overrides | None = None) -> None:
        self._name = model.name
        self._model, self._overrides = model, overrides
        self.span_attributes = attributes(model, "chat")
        self.open_inference = False
        self.takes: Expected = {}
        self.gives: tuple[str, ...] = ()
        self._settings: dict[str, Any] = {"model": served_name(model)}
        self._confidence: chat_reply.Confidence = chat_reply.no_confidence
        if model.confidence_from == model_pb2.CONFIDENCE_SOURCE_LOGPROB:
            self._settings["logprobs"] = True
            self._confidence = chat_reply.from_logprobs
        elif model.confidence_from == model_pb2.CONFIDENCE_SOURCE_JSON_POINTER:
            self._confidence = chat_reply.from_pointer(model.confidence_pointer)

    def prepare(self, given: Input, laid_out: LaidOut | None = None) -> Request:  # noqa: ARG002
        if self._overrides is not None:
            if given.HasField("image"):
                # What is wrong with it is told as the caller spells it, before it is put into a chat.
                chat_request(self._name, self._settings, given)
            given = overridden(given, self._overrides)
        return chat_request(self._name, self._settings, given)

    def features(self, given: Input) -> TabularInput | None:  # noqa: ARG002
        return None

    def read(self, raw: bytes, rows: int) -> Reply:  # noqa: ARG002
        return chat_reply.read_chat_reply(raw, self._confidence)

    def with_overrides(self, given: Overrides) -> "ChatWire":
        refuse_others(given, OVERRIDABLE, "only a classification has a threshold", self._name)
        return ChatWire(self._model, given)

    def connect(self, connections: Connections, address: str) -> Line:
        server = Server(self._model, connections, address)

        async def send(body: bytes, timeout: float, trace: str) -> bytes:  # noqa: ASYNC109
            return await server.post(METHOD, body, timeout, trace)

        def stream(body: bytes, trace: str) -> ChatStream:
            return ChatStream(
                connections.session(), server.url(METHOD), streamed(body), server.headers(trace)
            )

        return Line(send, server.probe, stream)
