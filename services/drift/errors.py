"""What drift can refuse, as facts."""

from services.foundation.errors import FailedPrecondition, InvalidArgument, NotFound


class BaselineNotFound(NotFound):
    """No such baseline, or the model has no active one."""

    reason = "BASELINE_NOT_FOUND"


class ResultNotFound(NotFound):
    """The model has not been analysed yet, or so long ago that the result is gone."""

    reason = "RESULT_NOT_FOUND"


class BaselineInUse(FailedPrecondition):
    """The active baseline cannot be deleted."""

    reason = "BASELINE_IN_USE"


class BaselineFile(InvalidArgument):
    """A file that no baseline can be made of: the message says where, and what would have been right."""

    reason = "BASELINE_FILE"


class NothingLogged(FailedPrecondition):
    """Too little was logged in a window to make a baseline of it."""

    reason = "NOTHING_LOGGED"
