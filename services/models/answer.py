"""What comes of calling a model: an Answer or a Failure. Neither is an exception, for a jury wants both."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from turnout.inference.v1.output_pb2 import Output

from services.foundation.codes import CALLERS
from services.foundation.errors import Internal, TurnoutError
from services.models.errors import InputRefused, ModelBusy, ModelFailed, ModelTimedOut

FailureKind = Literal["TIMED_OUT", "FAILED", "CANCELLED", "DROPPED"]

# What a participant's error message may carry (Participant.error_message).
MESSAGE_LENGTH = 200


class Row(NamedTuple):
    """What `encoded` says of one classified row, for who reckons with it: probabilities, as they came, in the
    order of the `labels`, of which each is there once, and the place of the one that was chosen."""

    labels: tuple[str, ...]
    chosen: int
    probabilities: Sequence[float]


class Reply(NamedTuple):
    """A reply as its protocol reads it: `encoded` is the Output, serialized. Confidence is 0 to 1; None means
    that the model did not say. `row`: where it is at hand anyway."""

    encoded: bytes
    confidence: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    row: Row | None = None

    @property
    def output(self) -> Output:
        """The same as a message, made anew each time: who only passes it on has no use for one."""
        return Output.FromString(self.encoded)


class CallFailed(Exception):
    """Inside this room only: a protocol's call did not give a reply. `code` is a canonical status name."""

    def __init__(
        self,
        kind: FailureKind,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        raw: str = "",
        retry_after: float | None = None,
    ) -> None:
        """`raw`: the transport's own words, for the log; `retry_after`: seconds, where the server said so."""
        super().__init__(message)
        self.kind: FailureKind = kind
        self.code = code
        # Servers say anything; a manifest takes only what UTF-8 can carry, and little of it.
        self.message = message.encode(errors="replace").decode()[:MESSAGE_LENGTH]
        self.retryable = retryable
        self.raw = raw
        self.retry_after = retry_after


def malformed(message: str) -> CallFailed:
    """The model answered, and not what its signature says."""
    return CallFailed("FAILED", "INTERNAL", f"malformed reply: {message}")


class Answer(NamedTuple):
    """A model's answer. `encoded` is the Output, serialized; `latency` in seconds; `cost` in `currency`, None
    if unknown; `span_id` in hex; `tensors` the ModelInferResponse as it came, empty under other protocols;
    `row` as in a Reply."""

    encoded: bytes
    latency: float
    endpoint: str
    span_id: str
    confidence: float | None
    tokens_in: int | None
    tokens_out: int | None
    cost: float | None
    currency: str
    tensors: bytes = b""
    row: Row | None = None

    @property
    def output(self) -> Output:
        """What `encoded` says, as a message, made anew each time."""
        return Output.FromString(self.encoded)


class Failure(NamedTuple):
    """Why there is no answer. `kind` is the participant's outcome; `code` a canonical status name.

    `retryable` means that the same call, made again at once, may succeed. A call that never left has no
    endpoint and no span. excused: it says nothing of the model. error_id: of a defect of ours, in the log.
    retry_after: seconds, where the model's server said when to come again.
    """

    kind: FailureKind
    code: str
    message: str
    retryable: bool
    latency: float
    model: str
    endpoint: str = ""
    span_id: str = ""
    excused: bool = False
    error_id: str = ""
    retry_after: float | None = None

    @property
    def refused(self) -> bool:
        """Whether the model understood, and refuses this input."""
        return self.kind == "FAILED" and self.code in CALLERS

    @property
    def error(self) -> TurnoutError:
        """What a caller is told when nobody else answers instead."""
        if self.error_id:
            return Internal(f"{self.model}: {self.message}", model=self.model, error_id=self.error_id)
        if self.refused:
            return self._refusal
        kinds: dict[str, type[TurnoutError]] = {"TIMED_OUT": ModelTimedOut, "DROPPED": ModelBusy}
        # Never with UNAVAILABLE: the caller's library would wait as long and repeat the call by itself.
        limited = self.retry_after if self.code == "RESOURCE_EXHAUSTED" else None
        kind = ModelBusy if limited is not None else kinds.get(self.kind, ModelFailed)
        return kind(
            f"{self.model}: {self.message}",
            retry_after=1.0 if self.kind == "DROPPED" else limited,
            model=self.model,
            endpoint=self.endpoint,
            model_code=self.code,
        )

    @property
    def _refusal(self) -> TurnoutError:
        said = f"{self.model} refuses it: {self.message}"
        return InputRefused(
            f"input: {said}",
            fields=[("input", said)],
            model=self.model,
            endpoint=self.endpoint,
            model_code=self.code,
        )
