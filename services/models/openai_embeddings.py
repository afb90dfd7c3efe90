"""OpenAI-compatible embeddings over HTTP: the hosted ones, vLLM, llama.cpp, Ollama and the like."""

from typing import Any

from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1 import model_pb2
from turnout.router.v1.overrides_pb2 import Overrides

from services.models.answer import Reply
from services.models.connections import Connections
from services.models.datatypes import DATATYPES
from services.models.embedding_reply import read_embedding_reply
from services.models.embedding_request import embedding_request
from services.models.endpoints import Line
from services.models.layouts import Expected
from services.models.openai_server import Server, attributes, check_addresses, served_name
from services.models.overriding import refuse_others
from services.models.problems import Problems
from services.models.signature import DEFAULT_INPUT, LaidOut, Request

METHOD = "embeddings"
KINDS = (model_pb2.OUTPUT_KIND_UNSPECIFIED, model_pb2.OUTPUT_KIND_EMBEDDING)
# Fields of an OutputSpec that name tensors; there are none in JSON.
TENSORS = ("label", "probabilities", "value", "text", "embedding")


def compile_embeddings(model: model_pb2.Model, problems: Problems) -> "EmbeddingWire":
    """Compile a registration; what is wrong goes to `problems`."""
    check_addresses(model, problems)
    outputs = model.signature.outputs
    if model.signature.features:
        problems.add("model.signature.features", "an embedding model reads no columns")
    if outputs.kind not in KINDS:
        told = "an embedding model answers with embeddings: OUTPUT_KIND_EMBEDDING"
        problems.add("model.signature.outputs.kind", told)
    for name in TENSORS:
        if getattr(outputs, name):
            problems.add(f"model.signature.outputs.{name}", "an OPENAI_EMBEDDINGS answer has no tensors")
    if model.HasField("threshold"):
        problems.add("model.threshold", "only a classification has a threshold")
    if model.confidence_from:
        problems.add("model.confidence_from", "an embedding has no confidence")
    return EmbeddingWire(model)


class EmbeddingWire:
    """A model behind an embeddings endpoint. It takes a text, or several as the elements of one BYTES tensor
    [rows], named like the layout's `input_name`, and answers with a vector for each."""

    def __init__(self, model: model_pb2.Model) -> None:
        self._model = model
        self.span_attributes = attributes(model, "embeddings")
        self.open_inference = False
        name = model.signature.layout.input_name or DEFAULT_INPUT
        self.takes: Expected = {name: (DATATYPES["BYTES"], (1,))}
        self.gives: tuple[str, ...] = ()
        # In a quarter of the bytes of decimal numbers, and exact; a server that knows no base64 sends those.
        self._settings: dict[str, Any] = {"model": served_name(model), "encoding_format": "base64"}

    def prepare(self, given: Input, laid_out: LaidOut | None = None) -> Request:  # noqa: ARG002
        return embedding_request(self._model.name, self._settings, self.takes, given)

    def features(self, given: Input) -> TabularInput | None:  # noqa: ARG002
        return None

    def read(self, raw: bytes, rows: int) -> Reply:
        return read_embedding_reply(raw, rows)

    def with_overrides(self, given: Overrides) -> "EmbeddingWire":
        refuse_others(given, (), "an embedding model has nothing to override", self._model.name)
        return self

    def connect(self, connections: Connections, address: str) -> Line:
        server = Server(self._model, connections, address)

        async def send(body: bytes, timeout: float, trace: str) -> bytes:  # noqa: ASYNC109
            return await server.post(METHOD, body, timeout, trace)

        return Line(send, server.probe)
