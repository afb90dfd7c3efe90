"""What can go wrong when several models are asked."""

from services.foundation.errors import (
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unimplemented,
)

# What is wrong with a request: the path of each field, and what would have been right.
Problems = dict[str, str]
# More would not be read, and a status travels in metadata.
MOST_PROBLEMS = 20


class InvalidPlan(InvalidArgument):
    """A plan that cannot be run, or outputs that cannot be read."""


class UnavailableMethod(Unimplemented):
    """A method of the contract that this version does not have."""


class CannotCombine(FailedPrecondition):
    """The members' answers do not fit together, or not this method."""

    reason = "CANNOT_COMBINE"


class QuorumNotMet(Unavailable):
    """Fewer members answered than the plan requires."""

    reason = "QUORUM_NOT_MET"


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
