"""What happened to a router's canary, written with each configuration: trials, their states and transitions.

A caller does not write it: what a request carries of it is replaced.
"""

from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.router.v1 import canary_pb2 as wire
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.strategy_pb2 import CanaryStrategy

KEPT_TRANSITIONS = 8
ENDED = (wire.CANARY_STATE_PROMOTED, wire.CANARY_STATE_ROLLED_BACK)


class Moved(NamedTuple):
    """A transition that was asked for, as it was made. percentage: the canary's after it."""

    transition_id: str
    move: wire.CanaryMove
    state: wire.CanaryState
    from_percentage: float
    to_percentage: float
    reason: str = ""

    @property
    def new_stage(self) -> bool:
        """Whether the canary has another percentage now."""
        return self.from_percentage != self.to_percentage


def stamp_trial(
    before: Router | None, after: Router, now: float, by: str = "", moved: Moved | None = None
) -> None:
    """Write the trial of `after`, which is to replace `before`; `now` in seconds since 1970.

    A trial begins with a canary, anew where the two or what is asked of them are others, and where a canary
    whose trial has ended gets traffic again: evidence that was gathered about something else must not count.
    """
    if after.WhichOneof("strategy") != "canary":
        return
    had = before is not None and before.WhichOneof("strategy") == "canary"
    former = before.canary.trial if before is not None and had else wire.CanaryTrial()
    was = before.canary.canary_percentage if before is not None and had else 0.0
    trial, percentage = after.canary.trial, after.canary.canary_percentage
    trial.CopyFrom(former)
    if moved is None:
        moved = _seen(before if former.number else None, after, was, percentage)
    if moved is None:
        return
    moment = Timestamp()
    moment.FromNanoseconds(int(now * 1e9))
    generation = before.generation + 1 if before is not None else 1
    # Who was under trial is told of as the canary: a promotion has let the two change places by now, and a
    # rollback of one has let them change back.
    pair = before.canary if before is not None and moved.move == wire.CANARY_MOVE_PROMOTE else after.canary
    trial.state = moved.state
    if moved.move == wire.CANARY_MOVE_START:
        trial.number = generation
        trial.begin_time.CopyFrom(moment)
    if moved.new_stage or moved.move == wire.CANARY_MOVE_START:
        trial.stage_time.CopyFrom(moment)
    trial.transitions.add(
        generation=generation,
        transition_id=moved.transition_id,
        move=moved.move,
        from_percentage=moved.from_percentage,
        to_percentage=moved.to_percentage,
        reason=moved.reason,
        by=by,
        time=moment,
        trial=trial.number,
        baseline=pair.baseline_model,
        canary=pair.canary_model,
    )
    del trial.transitions[:-KEPT_TRANSITIONS]


def _seen(before: Router | None, after: Router, was: float, percentage: float) -> Moved | None:
    """What a change of the configuration means to the canary; None if nothing."""
    start, running = wire.CANARY_MOVE_START, wire.CANARY_STATE_RUNNING
    if before is None:
        return Moved("", start, running, 0.0, percentage, "the router has a canary now")
    state = before.canary.trial.state
    if _pair(before) != _pair(after):
        return Moved("", start, running, 0.0, percentage, "baseline and canary are other models")
    if state in ENDED:
        if percentage <= 0:
            return None
        return Moved("", start, running, 0.0, percentage, "the canary gets traffic again")
    if _question(before) != _question(after):
        return Moved("", start, running, was, percentage, "what is asked of the canary has changed")
    if was != percentage:
        return Moved("", wire.CANARY_MOVE_SET, state, was, percentage, "the configuration was changed")
    if state == wire.CANARY_STATE_HELD and before.canary.max_samples != after.canary.max_samples:
        return Moved("", wire.CANARY_MOVE_RESUME, running, was, percentage, "max_samples is another")
    return None


def _pair(router: Router) -> list[tuple[str, str, str]]:
    """Who is compared. An alias that moves is followed without a new trial: feedback sees it by itself."""
    named = (router.canary.baseline_model, router.canary.canary_model)
    return [(one, *_of(router, one)) for one in named]


def _of(router: Router, variant: str) -> tuple[str, str]:
    found = next((one for one in router.variants if one.id == variant), None)
    return (found.model, found.overrides.SerializeToString(deterministic=True).hex()) if found else ("", "")


def _question(router: Router) -> list[object]:
    """What evidence is gathered about: another one cannot be answered by what was seen before it was put."""
    canary = router.canary
    criteria, guardrails = canary.promotion_criteria, canary.guardrails
    asked = (criteria.metric, criteria.min_improvement) if canary.HasField("promotion_criteria") else None
    bounds = [one.SerializeToString(deterministic=True) for one in guardrails]
    return [asked, bounds, canary.evidence, canary.alpha, canary.label_horizon.ToNanoseconds()]


def progress(canary: CanaryStrategy) -> float:
    """How far a canary has come, in percent of the traffic: 100 once it is promoted."""
    promoted = canary.trial.state == wire.CANARY_STATE_PROMOTED
    return 100.0 if promoted else canary.canary_percentage
