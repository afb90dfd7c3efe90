"""OpenAI-compatible chat completions over HTTP: the hosted ones, vLLM, llama.cpp, Ollama and the like."""

import asyncio
import json
import re
from typing import Any

import aiohttp
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1 import model_pb2

from services.foundation.tracing import TRACEPARENT
from services.models import chat_reply
from services.models.answer import CallFailed, FailureKind, Reply, malformed
from services.models.chat_request import chat_request
from services.models.connections import MESSAGE_BYTES, Connections
from services.models.endpoints import Attributes, Line, Probe
from services.models.errors import InvalidModel
from services.models.problems import Problems
from services.models.signature import Request

ADDRESS = re.compile(r"https?://[^\s/?#@]+(?P<path>/[^\s?#]*)?")

CODES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED", 409: "ABORTED", 429: "RESOURCE_EXHAUSTED", 499: "CANCELLED",
    501: "UNIMPLEMENTED", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip

CLASSES = {4: "INVALID_ARGUMENT", 5: "UNAVAILABLE"}

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

    def __init__(self, model: model_pb2.Model) -> None:
        self._name = model.name
        served = model.served_name or model.name.removeprefix("models/")
        self._secret = model.secret_ref.removeprefix("env:")
        self.span_attributes: Attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": model.provider,
            "gen_ai.request.model": served,
        }
        self._settings: dict[str, Any] = {"model": served}
        self._confidence: chat_reply.Confidence = chat_reply.no_confidence
        if model.confidence_from == model_pb2.CONFIDENCE_SOURCE_LOGPROB:
            self._settings["logprobs"] = True
            self._confidence = chat_reply.from_logprobs
        elif model.confidence_from == model_pb2.CONFIDENCE_SOURCE_JSON_POINTER:
            self._confidence = chat_reply.from_pointer(model.confidence_pointer)

    def prepare(self, given: Input) -> Request:
        return chat_request(self._name, self._settings, given)

    def features(self, given: Input) -> TabularInput | None:  # noqa: ARG002
        return None

    def read(self, raw: bytes, rows: int) -> Reply:  # noqa: ARG002
        return chat_reply.read_chat_reply(raw, self._confidence)

    def with_threshold(self, threshold: float) -> "ChatWire":  # noqa: ARG002
        told = "only a classification has a threshold"
        raise InvalidModel(f"{self._name}: {told}", fields=[("model.threshold", told)], model=self._name)

    def connect(self, connections: Connections, address: str) -> Line:
        match = ADDRESS.fullmatch(address)
        base = address.rstrip("/") if match and (match["path"] or "/") != "/" else f"{address.rstrip('/')}/v1"

        async def send(body: bytes, timeout: float, trace: str) -> bytes:  # noqa: ASYNC109
            headers = self._headers(connections) | {TRACEPARENT: trace, "Content-Type": "application/json"}
            return await _exchange(connections, "POST", f"{base}/chat/completions", body, headers, timeout)

        async def probe(timeout: float) -> Probe:  # noqa: ASYNC109
            try:
                await _exchange(
                    connections, "GET", f"{base}/models", None, self._headers(connections), timeout
                )
            except CallFailed as failed:
                # Some servers answer chats and do not list their models; that they say so shows they are up.
                if failed.code not in ("NOT_FOUND", "UNIMPLEMENTED"):
                    raise
            return Probe(True)

        return Line(send, probe)

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


async def _exchange(
    connections: Connections,
    method: str,
    url: str,
    body: bytes | None,
    headers: dict[str, str],
    seconds: float,
) -> bytes:
    """The body of a 200; anything else raises CallFailed."""
    try:
        # Not aiohttp's own timeout: it rounds everything above five seconds up to whole ones.
        async with (
            asyncio.timeout(seconds),
            connections.session().request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response,
        ):
            raw = await _read(response)
            status = response.status
    except TimeoutError:
        raise CallFailed("TIMED_OUT", "DEADLINE_EXCEEDED", f"no answer within {seconds:.3g} s") from None
    except aiohttp.ClientError as wrong:
        said = f"{type(wrong).__name__}: {wrong}"
        raise CallFailed("FAILED", "UNAVAILABLE", said, retryable=True) from None
    if status != 200:
        raise _refused(status, raw, headers.get("Authorization", ""))
    return raw


async def _read(response: aiohttp.ClientResponse) -> bytes:
    whole = bytearray()
    async for chunk in response.content.iter_any():
        whole += chunk
        if len(whole) > MESSAGE_BYTES:
            raise malformed(f"larger than {MESSAGE_BYTES} bytes")
    return bytes(whole)


def _refused(status: int, raw: bytes, authorization: str) -> CallFailed:
    code = CODES.get(status) or CLASSES.get(status // 100, "FAILED_PRECONDITION")
    try:
        message = str(json.loads(raw)["error"]["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        message = ""
    if authorization:
        # Some servers repeat the key that they refuse.
        message = message.replace(authorization.removeprefix("Bearer "), "***")
    kinds: dict[str, FailureKind] = {"DEADLINE_EXCEEDED": "TIMED_OUT", "CANCELLED": "CANCELLED"}
    said = f"HTTP {status}: {message}" if message else f"HTTP {status}"
    return CallFailed(kinds.get(code, "FAILED"), code, said, retryable=status in (502, 503))
