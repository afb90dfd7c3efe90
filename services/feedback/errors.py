"""What can be wrong with feedback, as facts."""

from services.foundation.errors import FailedPrecondition, InvalidArgument


class BadFeedback(InvalidArgument):
    """Feedback that no state of the suite would make right."""


class RewardOutOfRange(InvalidArgument):
    """A reward that its metric cannot have."""

    reason = "REWARD_OUT_OF_RANGE"


class NothingDrawn(InvalidArgument):
    """A reward for a prediction in which no variant was drawn: there is no arm to credit."""


class NoExperiment(FailedPrecondition):
    """The router compares nothing."""

    reason = "NO_EXPERIMENT"


class NoCanary(FailedPrecondition):
    """The router's strategy is another one."""

    reason = "WRONG_STATE"
