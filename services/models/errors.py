"""What callers are told when a model is registered wrongly, asked wrongly, or does not answer."""

from services.foundation.errors import DeadlineExceeded, InvalidArgument, ResourceExhausted, Unavailable


class InvalidModel(InvalidArgument):
    """A registration that cannot work; its fields name what is wrong, as paths from `model`."""


class InputMismatch(InvalidArgument):
    """An input that does not fit the model's signature; its fields name what is wrong, as paths from
    `input`."""

    reason = "INPUT_MISMATCH"


class InputRefused(InvalidArgument):
    """The model was asked, and says that it cannot read this input: the same again ends the same."""

    reason = "INPUT_REFUSED"


class ModelFailed(Unavailable):
    """The model could not be reached, failed, or answered what cannot be read."""

    reason = "MODEL_FAILED"


class ModelTimedOut(DeadlineExceeded):
    """The model did not answer within its timeout."""

    reason = "MODEL_TIMED_OUT"


class ModelBusy(ResourceExhausted):
    """As many calls of the model are in flight as its registration allows, or its server wants no more for
    the time that it says."""
