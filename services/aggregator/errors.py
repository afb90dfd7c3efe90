"""What can go wrong when several models are asked."""

from services.foundation.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable


class CannotCombine(FailedPrecondition):
    """The members' answers do not fit together, or not this method."""

    reason = "CANNOT_COMBINE"


class QuorumNotMet(Unavailable):
    """Fewer members answered than the plan requires."""

    reason = "QUORUM_NOT_MET"


class InputMismatch(InvalidArgument):
    """The input fits too few members' signatures."""

    reason = "INPUT_MISMATCH"


class ModelsNotFound(NotFound):
    """None of a plan's models is known."""

    reason = "MODEL_NOT_FOUND"
