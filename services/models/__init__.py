"""How a model is called. The table holds the protocols: each compiles a registration into a Wire."""

from collections.abc import Callable

from turnout.router.v1.model_pb2 import PROTOCOL_OIP_GRPC, Model

from services.models.oip import compile_oip
from services.models.problems import Problems
from services.models.wire import Wire

PROTOCOLS: dict[int, Callable[[Model, Problems], Wire]] = {
    PROTOCOL_OIP_GRPC: compile_oip,
}
