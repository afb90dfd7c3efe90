"""What can go wrong between Turnout and an API server."""

from services.foundation.errors import FailedPrecondition


class TargetUnavailable(FailedPrecondition):
    """This process cannot deploy to Kubernetes: it was not told where, or the client is not installed."""

    reason = "TARGET_UNAVAILABLE"


class ApiError(Exception):
    """A request to the API server failed; the text says how, for people."""


class Refused(ApiError):
    """The server will answer the same again: no permission, a quota, an invalid object."""


class Missing(Refused):
    """There is no such object, or no such kind."""


class Trouble(ApiError):
    """Another time it may work: too many requests, a conflict, a server that is down. `retry_after` is what
    it asked for, in seconds."""

    def __init__(self, said: str, retry_after: float | None = None) -> None:
        super().__init__(said)
        self.retry_after = retry_after


class Gone(ApiError):
    """What was seen last is too old to go on from: list again."""
