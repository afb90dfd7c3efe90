"""A model that can be called: a compiled registration with open lines to its instances."""

import asyncio
import random
import secrets
from collections.abc import Callable, Sequence

from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1.overrides_pb2 import Overrides

from services.foundation.logs import log
from services.foundation.telemetry import Span, Telemetry
from services.foundation.tracing import Parent
from services.models.answer import Answer, CallFailed, Failure, FailureKind, Reply
from services.models.endpoints import Endpoint, Probe, least_loaded, others
from services.models.registration import Registration
from services.models.signature import LaidOut, Request


class ModelHandle:
    """`prepare` once per input, then `call`, or `attempt` where the call may be cancelled and must still be
    accounted for. Immutable but for the count of calls in flight."""

    def __init__(
        self,
        registration: Registration,
        endpoints: Sequence[Endpoint],
        *,
        telemetry: Telemetry,
        rng: random.Random,
        now: Callable[[], float],
    ) -> None:
        self.registration = registration
        self.model, self.wire, self.timeout, self.price = registration
        self.name = self.model.name
        self.version = self.model.version
        self.endpoints = endpoints
        self.max_concurrency = self.model.max_concurrency
        self.span_name = f"call {self.name}"
        self.telemetry = telemetry
        self.rng = rng
        self.now = now

    def prepare(self, given: Input, laid_out: LaidOut | None = None) -> Request:
        """The question as this model reads it; whoever asks several the same gives each of them the same
        `laid_out`. Raises InputMismatch with a path per problem."""
        return self.wire.prepare(given, laid_out)

    def features(self, given: Input) -> TabularInput | None:
        """The columns of a row or tabular input, as they are logged; None for other kinds of input."""
        return self.wire.features(given)

    def attempt(
        self, request: Request, timeout: float, parent: Parent | None = None, avoid: str = ""
    ) -> "Attempt":
        """One call that has not started. `timeout` in seconds is cut to the model's own; the instance at
        `avoid` is not asked where there is another one."""
        return Attempt(self, request, timeout, parent, avoid)

    async def call(
        self,
        request: Request,
        timeout: float,  # noqa: ASYNC109
        parent: Parent | None = None,
    ) -> Answer | Failure:
        """Ask once, on one instance. Never raises for what the model does; cancelling the task that awaits
        cancels the call on the model server."""
        return await Attempt(self, request, timeout, parent).run()

    def with_overrides(self, given: Overrides) -> "ModelHandle":
        """The same model, instances and counts, asked and read as a variant wants it. Raises InvalidModel,
        with paths from `overrides`, for what a model like it has not."""
        if not given.ListFields():
            return self
        registration = self.registration._replace(wire=self.wire.with_overrides(given))
        return ModelHandle(registration, self.endpoints, telemetry=self.telemetry, rng=self.rng, now=self.now)

    @property
    def streams(self) -> bool:
        """Whether its answers can come in pieces."""
        return any(endpoint.line.stream is not None for endpoint in self.endpoints)

    @property
    def in_flight(self) -> int:
        """Calls of this process that have not ended."""
        return sum(endpoint.in_flight for endpoint in self.endpoints)


class Attempt:
    """One call of a model. `endpoint`, `span_id` and `latency` (seconds) are known once it has started."""

    __slots__ = ("_avoid", "_handle", "_parent", "_request", "_timeout", "endpoint", "latency", "span_id")

    def __init__(
        self, handle: ModelHandle, request: Request, seconds: float, parent: Parent | None, avoid: str = ""
    ) -> None:
        self._handle = handle
        self._request = request
        self._timeout = min(seconds, handle.timeout)
        self._parent = parent
        self._avoid = avoid
        self.endpoint = ""
        self.span_id = ""
        self.latency = 0.0

    async def run(self) -> Answer | Failure:
        """Make the call. Raises nothing but the awaiting task's own cancellation."""
        handle = self._handle
        if self._timeout <= 0 or handle.max_concurrency:
            refusal = self.refusal()
            if refusal is not None:
                return refusal
        endpoints = others(handle.endpoints, self._avoid) if self._avoid else handle.endpoints
        endpoint = least_loaded(endpoints, handle.rng)
        span, self.span_id, trace = handle.telemetry.depart(
            handle.span_name, self._parent, endpoint.span_attributes
        )
        self.endpoint = endpoint.address
        return await self._exchange(endpoint, span, trace)

    def refusal(self) -> Failure | None:
        """Why the call cannot be made now, if it cannot."""
        handle = self._handle
        if self._timeout <= 0:
            return self._failure("TIMED_OUT", "DEADLINE_EXCEEDED", "no time was left to call it")
        if handle.max_concurrency and handle.in_flight >= handle.max_concurrency:
            limit = f"{handle.max_concurrency} calls are in flight, as many as its max_concurrency allows"
            return self._failure("DROPPED", "RESOURCE_EXHAUSTED", limit)
        return None

    async def _exchange(self, endpoint: Endpoint, span: Span | None, trace: str) -> Answer | Failure:
        handle, request = self._handle, self._request
        # What the span says if nothing below gets to say more.
        code = "CANCELLED"
        endpoint.in_flight += 1
        started = handle.now()
        try:
            raw = await endpoint.line.send(request.body, self._timeout, trace)
            # The model's time ends here; reading what it said is ours.
            self.latency = handle.now() - started
            reply = handle.wire.read(raw, request.rows)
            code = "OK"
        except CallFailed as failed:
            code = failed.code
            self.latency = handle.now() - started
            return self._failed(failed, span)
        except asyncio.CancelledError:
            self.latency = handle.now() - started
            raise
        except Exception as defect:  # noqa: BLE001 - one call's surprise must not cost the prediction its account
            code = "INTERNAL"
            self.latency = handle.now() - started
            return self._surprised(defect)
        finally:
            endpoint.in_flight -= 1
            if span is not None:
                span.finish(code)
        return self._answer(reply, raw)

    def _answer(self, reply: Reply, raw: bytes) -> Answer:
        encoded, confidence, tokens_in, tokens_out, row = reply
        handle = self._handle
        cost = handle.price.of(tokens_in, tokens_out)
        return Answer(
            encoded, self.latency, self.endpoint, self.span_id,
            confidence, tokens_in, tokens_out, cost, handle.price.currency,
            raw if handle.wire.open_inference else b"",
            row,
        )  # fmt: skip

    def cancelled(self) -> Failure:
        """The account of an attempt whose task was cancelled."""
        return self._failure("CANCELLED", "CANCELLED", "no longer needed")

    def _failed(self, failed: CallFailed, span: Span | None) -> Failure:
        if failed.raw:
            log.debug(
                "a model's transport failed", model=self._handle.name, endpoint=self.endpoint, raw=failed.raw
            )
            if span is not None:
                span.set("turnout.transport_error", failed.raw)
        failure = self._failure(failed.kind, failed.code, failed.message, retryable=failed.retryable)
        return failure if failed.retry_after is None else failure._replace(retry_after=failed.retry_after)

    def _surprised(self, defect: Exception) -> Failure:
        """A defect of ours: whoever asks hears its id, the log the rest."""
        error_id, model = secrets.token_hex(8), self._handle.name
        log.error("unexpected error in a model's call", error_id=error_id, model=model, exc_info=defect)
        said = f"internal error {error_id}; the server's log has it under this id"
        return self._failure("FAILED", "INTERNAL", said)._replace(error_id=error_id)

    def _failure(self, kind: FailureKind, code: str, message: str, *, retryable: bool = False) -> Failure:
        return Failure(
            kind, code, message, retryable, self.latency, self._handle.name, self.endpoint, self.span_id
        )


async def probe(handle: ModelHandle, timeout: float) -> Probe:  # noqa: ASYNC109
    """Ask every instance whether it is ready and what it takes and gives; the model is as ready, and as slow,
    as its worst instance. Never raises for what the model does."""
    return max(
        await asyncio.gather(*(_probe(handle, endpoint, timeout) for endpoint in handle.endpoints)),
        key=lambda one: (not one.ready, one.latency),
    )


async def _probe(handle: ModelHandle, endpoint: Endpoint, seconds: float) -> Probe:
    started = handle.now()
    try:
        said = await endpoint.line.probe(min(seconds, handle.timeout))
    except CallFailed as failed:
        said = Probe(False, f"{endpoint.address}: {failed.code}: {failed.message}")
    return said._replace(latency=handle.now() - started)
