"""What every protocol offers once a model's registration is compiled for it."""

from typing import Protocol

from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1.overrides_pb2 import Overrides

from services.models.answer import Reply
from services.models.connections import Connections
from services.models.endpoints import Attributes, Line
from services.models.layouts import Expected
from services.models.signature import LaidOut, Request


class Wire(Protocol):
    """A model's registration, compiled for its protocol. Compiling opens nothing.

    `span_attributes` say what kind of call its spans stand for (OpenTelemetry semantic conventions).
    `open_inference`: its replies are ModelInferResponses; `takes` and `gives` are the tensors that it wants
    and those that it is asked for, both empty where any will do.
    """

    span_attributes: Attributes
    open_inference: bool
    takes: Expected
    gives: tuple[str, ...]

    def prepare(self, given: Input, laid_out: LaidOut | None = None) -> Request:
        """The body of a call. `laid_out`: what was made of this input for others, who may read it alike; to
        be looked up and added to. Raises InputMismatch."""

    def features(self, given: Input) -> TabularInput | None:
        """The record of a row or tabular input, as it is logged."""

    def read(self, raw: bytes, rows: int) -> Reply:
        """What the bytes of a reply to a request of so many rows mean. Raises CallFailed when they mean
        nothing."""

    def connect(self, connections: Connections, address: str) -> Line:
        """An open line to one instance."""

    def with_overrides(self, given: Overrides) -> "Wire":
        """The same model, asked and read as the overrides say. Raises InvalidModel, with paths from
        `overrides`, for what a model like it has not."""
