"""A call that has less time than its deadline says, because its request says so."""

from google.protobuf.message import Message

from services.foundation.call import Call
from services.foundation.identity.caller import Caller


class Hastened:
    """`Call`, with at most `seconds` from now on; everything else is the call's own."""

    __slots__ = ("_call", "_spare")

    def __init__(self, call: Call, seconds: float) -> None:
        self._call = call
        # Both fall together, so the difference stays.
        self._spare = max(0.0, call.remaining() - seconds)

    @property
    def request_id(self) -> str:
        return self._call.request_id

    @property
    def trace_id(self) -> str:
        return self._call.trace_id

    @property
    def span_id(self) -> str:
        return self._call.span_id

    @property
    def sampled(self) -> bool:
        return self._call.sampled

    @property
    def caller(self) -> Caller:
        return self._call.caller

    @property
    def imposed(self) -> bool:
        return self._call.imposed

    def remaining(self) -> float:
        return max(0.0, self._call.remaining() - self._spare)

    def header(self, name: str) -> str | None:
        return self._call.header(name)

    def trailer(self, name: str, value: str) -> None:
        self._call.trailer(name, value)

    def details(self, message: Message) -> None:
        self._call.details(message)

    def note(self, key: str, value: str) -> None:
        self._call.note(key, value)
