"""How a prediction can fail on the router's side."""

from services.foundation.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    TurnoutError,
    Unavailable,
)


class PredictionCancelled(TurnoutError):
    """The caller left before the answer came."""

    code = "CANCELLED"
    reason = "DEADLINE_EXCEEDED"


class QuorumNotMet(Unavailable):
    """Fewer members answered than the quorum wants."""

    reason = "QUORUM_NOT_MET"


class CostLimitReached(FailedPrecondition):
    """What an answer may cost does not pay for the quorum."""

    reason = "COST_LIMIT"


class CannotCombine(FailedPrecondition):
    """The members' answers cannot be combined by the method that is configured."""

    reason = "CANNOT_COMBINE"


class NotAccepted(FailedPrecondition):
    """Nobody's answer passed what the ensemble asks of one."""

    reason = "NOT_ACCEPTED"


class JuryTimedOut(DeadlineExceeded):
    """The time was up before the quorum was met."""

    reason = "MODEL_TIMED_OUT"


class RouterNotRunning(FailedPrecondition):
    """The router exists and does not serve; deploy or start it."""

    reason = "ROUTER_NOT_RUNNING"
