"""A model's answer piece by piece: the same account as of a call, with the pieces on the way."""

import asyncio

from services.foundation.telemetry import Span
from services.foundation.tracing import Parent
from services.models.answer import Answer, CallFailed, Failure
from services.models.endpoints import Endpoint, Stream, least_loaded, others
from services.models.handle import Attempt, ModelHandle
from services.models.signature import Request


class StreamedAttempt(Attempt):
    """One call that answers in pieces: `next` until it returns no text, and `close` in any case.

    The first piece has `first` seconds, the whole answer `seconds`, cut to the model's own timeout.
    """

    __slots__ = ("_at", "_clock", "_code", "_first", "_heard", "_span", "_started", "_stream")

    def __init__(
        self,
        handle: ModelHandle,
        request: Request,
        first: float,
        seconds: float,
        parent: Parent | None,
        avoid: str = "",
    ) -> None:
        super().__init__(handle, request, seconds, parent, avoid)
        self._clock = asyncio.get_running_loop().time
        self._first = min(first, self._timeout)
        self._heard = False
        self._started = self._clock()
        self._at: Endpoint | None = None
        self._stream: Stream | None = None
        self._span: Span | None = None
        self._code = "CANCELLED"

    async def next(self) -> str | Answer | Failure:
        """The next piece of text; in the end the answer, or why there is none."""
        if self._stream is None and (refusal := self.refusal()) is not None:
            return refusal
        limit = self._timeout if self._heard else self._first
        try:
            stream = self._stream or self._open()
            piece = await stream.next(max(0.0, self._started + limit - self._clock()))
            self.latency = self._clock() - self._started
            if piece is not None:
                self._heard = True
                return piece
            raw = stream.whole
            reply = self._handle.wire.read(raw, self._request.rows)
        except CallFailed as failed:
            self.latency, self._code = self._clock() - self._started, failed.code
            told = failed.message if failed.kind != "TIMED_OUT" else self._late(limit)
            return self._failed(failed, self._span)._replace(message=told)
        except Exception as defect:  # noqa: BLE001 - as of a call in one
            self.latency, self._code = self._clock() - self._started, "INTERNAL"
            return self._surprised(defect)
        self._code = "OK"
        return self._answer(reply, raw)

    def close(self) -> None:
        """The call has ended, or is given up: the server sees it."""
        if self._at is None or self._stream is None:
            return
        if self._code == "CANCELLED":
            self.latency = self._clock() - self._started
        self._stream.close()
        self._at.in_flight -= 1
        self._at = None
        if self._span is not None:
            self._span.finish(self._code)

    def _open(self) -> Stream:
        handle = self._handle
        able = [one for one in handle.endpoints if one.line.stream]
        endpoint = least_loaded(others(able, self._avoid) if self._avoid else able, handle.rng)
        assert endpoint.line.stream is not None  # noqa: S101 - all lines of a wire can, or none
        self._span, self.span_id, trace = handle.telemetry.depart(
            handle.span_name, self._parent, endpoint.span_attributes
        )
        self.endpoint = endpoint.address
        self._started = self._clock()
        stream = self._stream = endpoint.line.stream(self._request.body, trace)
        endpoint.in_flight += 1
        self._at = endpoint
        return stream

    def _late(self, limit: float) -> str:
        wanted = "no end of the answer" if self._heard else "no first piece of an answer"
        return f"{wanted} within {limit:.3g} s"
