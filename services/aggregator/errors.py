"""What can go wrong when several models are asked."""

from services.foundation.errors import (
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    Unavailable,
)

# What is wrong with a request: the path of each field, and what would have been right.
Problems = dict[str, str]
# More would not be read, and a status travels in metadata.
MOST_PROBLEMS = 20


class InvalidPlan(InvalidArgument):
    """A plan that cannot be run, or outputs that cannot be read."""


class CannotCombine(FailedPrecondition):
    """The members' answers do not fit together, or not this method."""

    reason = "CANNOT_COMBINE"


class TooManyFields(CannotCombine):
    """Structures whose fields are too many to be voted on one by one."""


class Unreadable(ValueError):
    """An output that is no answer: `path` leads from it to what is wrong, `said` tells what is right."""

    def __init__(self, path: str, said: str) -> None:
        super().__init__(f"{path}: {said}" if path else said)
        self.path = path
        self.said = said


class NothingSaid(Unreadable):
    """A text without words: the model would not answer this, or was cut off, and may answer others."""


class QuorumNotMet(Unavailable):
    """Fewer members answered than the plan requires."""

    reason = "QUORUM_NOT_MET"


class CostLimitReached(FailedPrecondition):
    """A call would exceed what one answer may cost; where the quorum needs it, so does the prediction."""

    reason = "COST_LIMIT"


class NotAccepted(FailedPrecondition):
    """Nobody's answer passed what the plan asks of one."""

    reason = "NOT_ACCEPTED"


class ModelsNotFound(NotFound):
    """None of a plan's models is known."""

    reason = "MODEL_NOT_FOUND"


def settle(problems: Problems, subject: str) -> None:
    """Raise InvalidPlan if there are problems; `subject` opens its message."""
    if not problems:
        return
    fields = [FieldViolation(path, said) for path, said in problems.items()]
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    first = fields[0]
    raise InvalidPlan(
        f"{subject}: {first.field}: {first.description}{more}",
        fields=fields[:MOST_PROBLEMS],
        problems=len(fields),
    )
