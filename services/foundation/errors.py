"""What can go wrong, as facts. One family per canonical status code; a concrete error subclasses one and sets
`reason`."""

from collections.abc import Iterable
from typing import NamedTuple


class FieldViolation(NamedTuple):
    """A field of the request that is wrong, as a path (`variants[1].weight`), and what would have been
    right."""

    field: str
    description: str


class TurnoutError(Exception):
    """An expected failure that the caller is told about.

    `reason` is a name of `turnout.inference.v1.ErrorReason` without its prefix; `code` a canonical status
    name. `facts` repeat every changing word of the message for programs; `retry_after` is in seconds.
    """

    code: str = "INTERNAL"
    reason: str = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        fields: Iterable[FieldViolation | tuple[str, str]] = (),
        retry_after: float | None = None,
        **facts: object,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fields = tuple(FieldViolation(*field) for field in fields)
        self.retry_after = retry_after
        self.facts = {key: str(value) for key, value in facts.items()}


class InvalidArgument(TurnoutError):
    """The request is wrong whatever the state of the system."""

    code = reason = "INVALID_ARGUMENT"


class NotFound(TurnoutError):
    """There is no such thing, or none that the caller may see."""

    code = reason = "NOT_FOUND"


class AlreadyExists(TurnoutError):
    """The name is taken."""

    code = reason = "ALREADY_EXISTS"


class Aborted(TurnoutError):
    """Somebody else changed it first; read again and retry the whole."""

    code = reason = "ABORTED"


class FailedPrecondition(TurnoutError):
    """The system is not in the state that the call needs; retrying alone does not help."""

    code = reason = "FAILED_PRECONDITION"


class OutOfRange(TurnoutError):
    """Past the end of what exists."""

    code = reason = "OUT_OF_RANGE"


class PermissionDenied(TurnoutError):
    """The caller may see it and may not do this."""

    code = reason = "PERMISSION_DENIED"


class Unauthenticated(TurnoutError):
    """No valid credentials."""

    code = reason = "UNAUTHENTICATED"


class Unimplemented(TurnoutError):
    """In the contract, not in this version."""

    code = reason = "UNIMPLEMENTED"


class ResourceExhausted(TurnoutError):
    """A limit is reached; `retry_after` says when to try again."""

    code = "RESOURCE_EXHAUSTED"
    reason = "TOO_MANY_REQUESTS"


class Unavailable(TurnoutError):
    """Cannot be reached now. Clients may repeat the call only when `retry_after` is set: without it they are
    told not to."""

    code = "UNAVAILABLE"
    reason = "SERVICE_UNAVAILABLE"


class DeadlineExceeded(TurnoutError):
    """The time was up, or left too little to start."""

    code = reason = "DEADLINE_EXCEEDED"


class Internal(TurnoutError):
    """A defect of ours."""

    code = reason = "INTERNAL"


class RemoteError(TurnoutError):
    """A failed call to another process, decoded from its status. Every error that a `Client` raises is one of
    these."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        reason: str,
        fields: Iterable[FieldViolation | tuple[str, str]] = (),
        retry_after: float | None = None,
        facts: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message, fields=fields, retry_after=retry_after)
        # Not through **facts: a remote may use any key, also the names of our own parameters.
        self.facts = dict(facts or {})
        self.code = code
        self.reason = reason


class RemoteUnavailable(RemoteError, Unavailable):
    """The other process could not be reached, or said that it cannot serve now."""


class RemoteDeadlineExceeded(RemoteError, DeadlineExceeded):
    """The other process did not answer within the timeout of the call."""
