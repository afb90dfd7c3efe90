"""Errors as `google.rpc.Status` on the wire, and back. The only place that knows the trailer names."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from services.foundation.codes import NUMBERS
from services.foundation.errors import (
    FieldViolation,
    RemoteDeadlineExceeded,
    RemoteError,
    RemoteUnavailable,
    TurnoutError,
    Unavailable,
)

DOMAIN = "turnout"
DETAILS_TRAILER = "grpc-status-details-bin"
PUSHBACK_TRAILER = "grpc-retry-pushback-ms"

# A peer refuses trailers over 16 kB for certain and, by chance, from 8 kB on. The message travels twice (in
# grpc-message, each odd byte as three, and in the status), and base64 adds a third: 1 kB and 3.5 kB stay
# below 8 kB.
MESSAGE_BYTES = 1_000
STATUS_BYTES = 3_500
FACT_BYTES = 300

Metadata = tuple[tuple[str, str | bytes], ...]


def status_of(error: TurnoutError, extra: Iterable[Message] = ()) -> Status:
    """The rich status of an error, details cut from the end until it fits; each detail type at most once."""
    status = Status(code=NUMBERS[error.code], message=clip(error.message, MESSAGE_BYTES))
    room = STATUS_BYTES - status.ByteSize()
    for detail in details_of(error, extra):
        packed = AnyMessage()
        packed.Pack(shrink(detail, room - 96))
        # 96: the type's URL and two length prefixes.
        if packed.ByteSize() + 4 <= room:
            status.details.append(packed)
            room -= packed.ByteSize() + 4
    return status


def details_of(error: TurnoutError, extra: Iterable[Message]) -> Sequence[Message]:
    """The details in order of worth: what a program needs comes first, so that cutting takes the rest."""
    found: dict[str, Message] = {}
    facts = {clip(key, 64): clip(value, FACT_BYTES) for key, value in error.facts.items()}
    mine: list[Message] = [ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=facts)]
    if error.retry_after is not None:
        wait = RetryInfo()
        wait.retry_delay.FromTimedelta(timedelta(seconds=error.retry_after))
        mine.append(wait)
    if error.fields:
        wrong = [BadRequest.FieldViolation(field=at, description=said) for at, said in error.fields]
        mine.append(BadRequest(field_violations=wrong))
    for detail in (*mine, *extra):
        found.setdefault(detail.DESCRIPTOR.full_name, detail)
    return list(found.values())


def shrink(detail: Message, room: int) -> Message:
    """A detail within `room` bytes where it is a list of ours that can be cut; otherwise as it is."""
    if detail.ByteSize() <= room:
        return detail
    if isinstance(detail, ErrorInfo):
        while detail.metadata and detail.ByteSize() > room:
            detail.metadata.pop(sorted(detail.metadata)[-1])
    if isinstance(detail, BadRequest):
        cut_violations(detail, room)
    return detail


def cut_violations(detail: BadRequest, room: int) -> None:
    """Keep the first violations, and say how many are missing."""
    total = len(detail.field_violations)
    for violation in detail.field_violations:
        violation.description = clip(violation.description, FACT_BYTES)
    size = detail.ByteSize()
    while detail.field_violations and size > room - 40:
        # 2: its tag and its length, at the least; never count more off than what goes.
        size -= detail.field_violations.pop().ByteSize() + 2
    left = total - len(detail.field_violations)
    if left:
        detail.field_violations.add(field="", description=f"and {left} more")


def clip(text: str, size: int) -> str:
    """At most `size` bytes of the text, with an ellipsis where it was cut."""
    raw = text.encode()
    return text if len(raw) <= size else raw[: size - 3].decode(errors="ignore") + "…"


def trailers_of(error: TurnoutError, status: Status) -> Metadata:
    """The trailing metadata of a failed call: the rich status and when a client may repeat it."""
    trailers: Metadata = ((DETAILS_TRAILER, status.SerializeToString()),)
    if error.retry_after is not None:
        return (*trailers, (PUSHBACK_TRAILER, str(max(0, round(error.retry_after * 1000)))))
    if error.code == Unavailable.code:
        # Clients' retry policies repeat UNAVAILABLE by themselves; -1 stops them where repeating could do
        # harm.
        return (*trailers, (PUSHBACK_TRAILER, "-1"))
    return trailers


def unreadable(method: str) -> RemoteError:
    """Of a reply that the library could not read: it says so in the log, and gives None."""
    said = (
        f"the reply of {method} cannot be read: more than a hundred messages within each other, or none of it"
    )
    return RemoteError(said, code="INTERNAL", reason="UNREADABLE_REPLY")


def remote_error(code: str, message: str, rich: bytes | None, **context: str) -> RemoteError:
    """The error behind a failed call; `context` (target, method) is added to its facts."""
    status = parse(rich)
    info, violations, wait = ErrorInfo(), BadRequest(), RetryInfo()
    for detail in status.details:
        for known in (info, violations, wait):
            if detail.Is(known.DESCRIPTOR):
                detail.Unpack(known)
    family = FAMILIES.get(code, RemoteError)
    return family(
        status.message or message,
        code=code,
        reason=info.reason or GENERIC_REASONS.get(code, code),
        fields=[FieldViolation(each.field, each.description) for each in violations.field_violations],
        retry_after=wait.retry_delay.ToTimedelta().total_seconds() if wait.HasField("retry_delay") else None,
        facts={**context, **info.metadata},
    )


def parse(rich: bytes | None) -> Status:
    """The status in the trailer; empty when there is none or it is no status (a foreign server's own
    format)."""
    try:
        return Status.FromString(rich or b"")
    except DecodeError:
        return Status()


FAMILIES: dict[str, type[RemoteError]] = {
    "UNAVAILABLE": RemoteUnavailable,
    "DEADLINE_EXCEEDED": RemoteDeadlineExceeded,
}
GENERIC_REASONS = {"UNAVAILABLE": "SERVICE_UNAVAILABLE", "RESOURCE_EXHAUSTED": "TOO_MANY_REQUESTS"}
