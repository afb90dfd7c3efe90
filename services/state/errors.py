"""What can go wrong with shared state, as facts."""

from services.foundation.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
)


class StateUnavailable(Unavailable):
    """Redis cannot be reached, or cannot take writes now. Whether the command ran is unknown."""

    reason = "STATE_UNAVAILABLE"


class LostLease(Unavailable):
    """Another process owns the partition by now: nothing was written, and its owner will do the work."""

    reason = "STATE_UNAVAILABLE"


class NewerFormat(FailedPrecondition):
    """Something stored was written by a newer version than this one."""

    reason = "NEWER_FORMAT"


class NameTaken(AlreadyExists):
    """The name belongs to something else in this deployment."""

    reason = "NAME_TAKEN"


class DeletedHasName(NameTaken):
    """The name belongs to something that was deleted and can still be undeleted."""


class RequestIdReused(AlreadyExists):
    """The request id belongs to a different change."""

    reason = "REQUEST_ID_REUSED"


class StaleEtag(Aborted):
    """It changed since it was read."""

    reason = "STALE_ETAG"


class RouterNotFound(NotFound):
    """No such router."""

    reason = "ROUTER_NOT_FOUND"


class ModelNotFound(NotFound):
    """No such model."""

    reason = "MODEL_NOT_FOUND"


class PredictionNotFound(NotFound):
    """No record of that id, or not yet."""

    reason = "PREDICTION_NOT_FOUND"


class NotDeleted(FailedPrecondition):
    """It is not deleted, so nothing can be taken back."""

    reason = "WRONG_STATE"


class BadPageToken(InvalidArgument):
    """A page token that is malformed, or of other filters."""

    reason = "BAD_PAGE_TOKEN"


class BadPredictionId(InvalidArgument):
    """Not an id that this suite mints."""

    reason = "INVALID_ARGUMENT"


class AmbiguousKey(InvalidArgument):
    """A key that several predictions have: to guess would credit the wrong one, or one of them twice."""


class StoreFull(ResourceExhausted):
    """A bounded store that must not forget is full; its readers have to catch up first."""

    reason = "STORE_FULL"


class DataDirectoryInUse(FailedPrecondition):
    """Another server works in this data directory."""

    reason = "WRONG_STATE"
