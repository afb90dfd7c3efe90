"""How a model is called. The table holds the protocols: each compiles a registration into a Wire."""

from collections.abc import Callable

from turnout.router.v1.model_pb2 import (
    PROTOCOL_OIP_GRPC,
    PROTOCOL_OPENAI_CHAT,
    PROTOCOL_OPENAI_EMBEDDINGS,
    Model,
)

from services.models.oip import compile_oip
from services.models.openai_chat import compile_chat
from services.models.openai_embeddings import compile_embeddings
from services.models.problems import Problems
from services.models.wire import Wire

PROTOCOLS: dict[int, Callable[[Model, Problems], Wire]] = {
    PROTOCOL_OIP_GRPC: compile_oip,
    PROTOCOL_OPENAI_CHAT: compile_chat,
    PROTOCOL_OPENAI_EMBEDDINGS: compile_embeddings,
}
