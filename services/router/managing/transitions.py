"""Moving a canary: one change of the stored router, made whole or refused with the reason."""

import math

from turnout.router.v1 import canary_pb2 as wire
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import TransitionCanaryRequest

from services.foundation.errors import FailedPrecondition
from services.router.config.problems import InvalidConfiguration
from services.router.config.trials import Moved
from services.router.managing.changes import recheck
from services.state.once import MAX_LENGTH, reused

LONGEST_REASON = 1024
RUNNING, PAUSED, HELD = wire.CANARY_STATE_RUNNING, wire.CANARY_STATE_PAUSED, wire.CANARY_STATE_HELD
PROMOTED, ROLLED_BACK = wire.CANARY_STATE_PROMOTED, wire.CANARY_STATE_ROLLED_BACK
# From where each move leads, and to where.
MOVES = {
    wire.CANARY_MOVE_STEP: ((RUNNING,), RUNNING),
    wire.CANARY_MOVE_PAUSE: ((RUNNING,), PAUSED),
    wire.CANARY_MOVE_RESUME: ((PAUSED,), RUNNING),
    wire.CANARY_MOVE_HOLD: ((RUNNING,), HELD),
    wire.CANARY_MOVE_PROMOTE: ((RUNNING, PAUSED, HELD), PROMOTED),
    wire.CANARY_MOVE_ROLLBACK: ((RUNNING, PAUSED, HELD, PROMOTED), ROLLED_BACK),
}


class CanaryState(FailedPrecondition):
    """The canary is not where this move begins, or the router has none."""

    reason = "WRONG_STATE"


def check(request: TransitionCanaryRequest) -> None:
    """What can be told without the router. Raises InvalidConfiguration."""
    if not 1 <= len(request.transition_id) <= MAX_LENGTH:
        raise _wrong("transition_id", f"1 to {MAX_LENGTH} characters, such as a UUID")
    if request.move not in MOVES:
        raise _wrong("move", f"one of {', '.join(wire.CanaryMove.Name(one) for one in MOVES)}")
    if len(request.reason) > LONGEST_REASON:
        raise _wrong("reason", f"at most {LONGEST_REASON} characters, got {len(request.reason)}")
    step = request.move == wire.CANARY_MOVE_STEP
    # Written so that a number that is none is refused too.
    if step and not (math.isfinite(request.percentage) and 0 < request.percentage < 100):
        raise _wrong("percentage", f"above 0 and below 100, which PROMOTE brings; got {request.percentage:g}")
    if not step and request.percentage:
        raise _wrong("percentage", "belongs to a STEP")


def move(router: Router, request: TransitionCanaryRequest) -> Moved:
    """Make the move on the stored router, in place. Raises CanaryState where it does not begin there."""
    if router.WhichOneof("strategy") != "canary":
        raise CanaryState(f"{router.name} has no canary", router=router.name)
    canary, said = router.canary, wire.CanaryMove.Name(request.move).removeprefix("CANARY_MOVE_")
    states, after = MOVES[request.move]
    # A router of a version that knew no trials begins its first with the move.
    before = canary.trial.state or RUNNING
    if before not in states:
        begins = " or ".join(_state(one) for one in states)
        raise CanaryState(
            f"{said} needs a canary that is {begins}; that of {router.name} is {_state(before)}",
            router=router.name,
        )
    was = to = canary.canary_percentage
    if request.move == wire.CANARY_MOVE_STEP:
        to = canary.canary_percentage = request.percentage
    elif request.move == wire.CANARY_MOVE_PROMOTE:
        _swap(router)
        to = 100.0
    elif request.move == wire.CANARY_MOVE_ROLLBACK:
        if before == PROMOTED:
            _swap(router)
            was = 100.0
        to = canary.canary_percentage = 0.0
    _check(router, request.move, before)
    return Moved(request.transition_id, request.move, after, was, to, request.reason)


def _check(router: Router, move: int, before: int) -> None:
    """Check the moved router. Where one of the two is disabled, who has it stopped or taken back must not be
    kept from it; whoever would get traffic by the move has to be enabled. Raises InvalidConfiguration."""
    seen = Router()
    seen.CopyFrom(router)
    giving = move in (wire.CANARY_MOVE_STEP, wire.CANARY_MOVE_PROMOTE) or before == PROMOTED
    for variant in seen.variants:
        variant.enabled = variant.enabled or not giving
    recheck(seen, "move")


def made_before(router: Router, request: TransitionCanaryRequest) -> bool:
    """Whether the stored router has made this very transition. Raises RequestIdReused where the id stands for
    another one: who asks for a promotion is not told that it was made because a pause was."""
    made = (one for one in router.canary.trial.transitions if one.transition_id == request.transition_id)
    former = next(made, None)
    if former is None:
        return False
    # The reason is left out: who asks again may word it anew, as the numbers in it have changed.
    step = request.move == wire.CANARY_MOVE_STEP
    if former.move != request.move or (step and former.to_percentage != request.percentage):
        raise reused(request.transition_id, "transition_id")
    return True


def _state(state: int) -> str:
    return wire.CanaryState.Name(state).removeprefix("CANARY_STATE_")


def _swap(router: Router) -> None:
    """Baseline and canary change places; who is in the canary's gets nothing."""
    canary = router.canary
    canary.baseline_model, canary.canary_model = canary.canary_model, canary.baseline_model
    canary.canary_percentage = 0.0


def _wrong(field: str, said: str) -> InvalidConfiguration:
    return InvalidConfiguration(f"{field}: {said}", fields=[(field, said)])
