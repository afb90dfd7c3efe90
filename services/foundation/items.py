"""One of many questions in one RPC: it has a status of its own, and the ids, caller and time of all."""

from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from services.foundation.call import Call
from services.foundation.errors import TurnoutError
from services.foundation.identity.caller import Caller
from services.foundation.metrics import Metrics
from services.foundation.status import status_of
from services.foundation.surprises import surprise


class ItemCall:
    """`Call` for one item. The `reserve` seconds at the end belong to the reply of all of them."""

    # The item has the time of its own kind, however long the RPC around it may go on.
    imposed = True

    def __init__(self, call: Call, method: str, metrics: Metrics, reserve: float = 0.0) -> None:
        self._call = call
        self._method = method
        self._metrics = metrics
        self._reserve = reserve
        self._extra: tuple[Message, ...] = ()
        self.request_id = call.request_id
        self.trace_id = call.trace_id
        self.span_id = call.span_id
        self.sampled = call.sampled

    @property
    def caller(self) -> Caller:
        return self._call.caller

    def remaining(self) -> float:
        return max(0.0, self._call.remaining() - self._reserve)

    def header(self, name: str) -> str | None:
        return self._call.header(name)

    def trailer(self, name: str, value: str) -> None:
        """Nothing: an item has no trailers, and those of the whole belong to nobody."""

    def details(self, message: Message) -> None:
        self._extra = (*self._extra, message)

    def note(self, key: str, value: str) -> None:
        """Nothing: the span is that of all items."""

    def status(self, failure: Exception) -> Status:
        """The status of this item, which failed."""
        if isinstance(failure, TurnoutError):
            return status_of(failure, self._extra)
        return status_of(surprise(failure, self._method, self._metrics), self._extra)
