"""OpenAI-compatible chat completions over HTTP: the hosted ones, vLLM, llama.cpp, Ollama and the like."""

import re
from typing import Any

from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1 import model_pb2
from turnout.router.v1.overrides_pb2 import Overrides

from services.foundation.tracing import TRACEPARENT
from services.models import chat_reply
from services.models.answer import CallFailed, Reply
from services.models.chat_request import chat_request
from services.models.chat_stream import ChatStream, streamed
from services.models.connections import Connections
from services.models.endpoints import Attributes, Line, Probe
from services.models.http import exchange
from services.models.layouts import Expected
from services.models.overriding import overridden, refuse_others
from services.models.problems import Problems
from services.models.signature import Request

ADDRESS = re.compile(r"https?://[^\s/?#@]+(?P<path>/[^\s?#]*)?")

OVERRIDABLE = ("system_prompt", "template", "sampling")

_CONFIDENCES = (
    model_pb2.CONFIDENCE_SOURCE_UNSPECIFIED,
    model_pb2.CONFIDENCE_SOURCE_LOGPROB,
    model_pb2.CONFIDENCE_SOURCE_JSON_POINTER,
)


def compile_chat(model: model_pb2.Model, problems: Problems) -> "ChatWire":
    """Compile a registration; what is wrong goes to `problems`."""
    for index, endpoint in enumerate(model.endpoints):
        if not ADDRESS.fullmatch(endpoint.address):
            told = f"http://host:port/v1 or https://… expected, got '{endpoint.address}'"
            problems.add(f"model.endpoints[{index}].address", told)
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
        wanted = "LOGPROB or JSON_POINTER expected; a chat model has no other confidence in this version"
        problems.add("model.confidence_from", wanted)
    if model.confidence_pointer and not model.confidence_pointer.startswith("/"):
        problems.add("model.confidence_pointer", "a JSON pointer expected, such as /confidence")
    return ChatWire(model)


class ChatWire:
    """A model behind a chat completion endpoint."""

    def __init__(self, model: model_pb2.Model, overrides: Overrides | None = None) -> None:
        self._name = model.name
        self._model, self._overrides = model, overrides
        served = model.served_name or model.name.removeprefix("models/")
        self._secret = model.secret_ref.removeprefix("env:")
        self.span_attributes: Attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": model.provider,
            "gen_ai.request.model": served,
        }
        self.open_inference = False
        self.takes: Expected = {}
        self.gives: tuple[str, ...] = ()
        self._settings: dict[str, Any] = {"model": served}
        self._confidence: chat_reply.Confidence = chat_reply.no_confidence
        if model.confidence_from == model_pb2.CONFIDENCE_SOURCE_LOGPROB:
            self._settings["logprobs"] = True
            self._confidence = chat_reply.from_logprobs
        elif model.confidence_from == model_pb2.CONFIDENCE_SOURCE_JSON_POINTER:
            self._confidence = chat_reply.from_pointer(model.confidence_pointer)

    def prepare(self, given: Input) -> Request:
        if self._overrides is not None:
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
        match = ADDRESS.fullmatch(address)
        base = address.rstrip("/") if match and (match["path"] or "/") != "/" else f"{address.rstrip('/')}/v1"

        url = f"{base}/chat/completions"

        def asking(trace: str) -> dict[str, str]:
            return self._headers(connections) | {TRACEPARENT: trace, "Content-Type": "application/json"}

        async def send(body: bytes, timeout: float, trace: str) -> bytes:  # noqa: ASYNC109
            return await exchange(connections, "POST", url, body, asking(trace), timeout)

        def stream(body: bytes, trace: str) -> ChatStream:
            return ChatStream(connections.session(), url, streamed(body), asking(trace))

        async def probe(timeout: float) -> Probe:  # noqa: ASYNC109
            try:
                await exchange(
                    connections, "GET", f"{base}/models", None, self._headers(connections), timeout
                )
            except CallFailed as failed:
                # Some servers answer chats and do not list their models; that they say so shows they are up.
                if failed.code not in ("NOT_FOUND", "UNIMPLEMENTED"):
                    raise
            return Probe(True)

        return Line(send, probe, stream)

    def _headers(self, connections: Connections) -> dict[str, str]:
        # Uncompressed, so that the limit on a reply's size holds for what is read into memory.
        headers = {"Accept-Encoding": "identity"}
        if self._secret:
            # Looked up per call: a secret that is rotated in place is used at once.
            secret = connections.environ.get(self._secret)
            if not secret:
                told = f"the environment variable {self._secret} of its secret_ref is not set"
                raise CallFailed("FAILED", "FAILED_PRECONDITION", told)
            headers["Authorization"] = f"Bearer {secret}"
        return headers
