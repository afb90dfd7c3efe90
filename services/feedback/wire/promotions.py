"""Canaries as their readers are told of them."""

import math
from collections.abc import Iterator

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.feedback.v1 import canary_pb2 as wire

from services.feedback.canary.deciding import Decision, Memory, stage_samples
from services.feedback.canary.findings import PROMOTION, ArmSeen, Finding, Seen, is_better, is_broken
from services.feedback.canary.looking import questions
from services.feedback.canary.plan import Canary, State, Transition
from services.feedback.rules import Rules


def evidence_told(plan: Canary, seen: Seen | None) -> wire.CanaryEvidence:
    """What is known; empty where that is nothing."""
    told = wire.CanaryEvidence()
    if seen is None:
        return told
    if seen.watermark:
        told.watermark.CopyFrom(_moment(seen.watermark))
    told.arms.extend([_arm(plan.baseline, seen.baseline), _arm(plan.canary, seen.canary)])
    told.findings.extend(_finding(plan, one) for one in questions(seen))
    told.warnings.extend([*seen.doubts, *seen.warnings])
    return told


def status_told(
    rules: Rules, plan: Canary, memory: Memory, seen: Seen | None, decision: Decision
) -> wire.CanaryStatus:
    """Where a canary stands, and what it waits for."""
    promoted, move = plan.trial.state is State.PROMOTED, decision.move
    return wire.CanaryStatus(
        router=rules.name,
        # After a promotion the two have changed places; who was under trial is still told of as the canary.
        baseline=plan.canary if promoted else plan.baseline,
        canary=plan.baseline if promoted else plan.canary,
        percentage=100.0 if promoted else plan.percentage,
        state=f"CANARY_STATE_{plan.trial.state}",
        trial=plan.trial.number,
        step=plan.step + 1,
        steps=len(plan.steps),
        since=_moment(plan.trial.since),
        begin_time=_moment(plan.trial.begun),
        stage_samples=stage_samples(memory, plan, seen),
        waiting_for=_soon(plan, move.reason) if move else decision.waiting,
        next=f"CANARY_MOVE_{move.kind}" if move else None,
        evidence=evidence_told(plan, seen),
        etag=plan.etag,
    )


def event_told(
    rules: Rules, happened: Transition, evidence: wire.CanaryEvidence, *, automatic: bool
) -> wire.PromotionEvent:
    """Something that happened to a canary."""
    return wire.PromotionEvent(
        time=_moment(happened.time),
        kind=happened.move,
        router=rules.name,
        generation=happened.generation,
        trial=happened.trial,
        baseline=happened.baseline,
        canary=happened.canary,
        from_percentage=happened.from_percentage,
        to_percentage=happened.to_percentage,
        reason=happened.reason,
        automatic=automatic,
        by=happened.by,
        transition_id=happened.id,
        evidence=evidence,
    )


def _soon(plan: Canary, reason: str) -> str:
    return f"the router: {reason}" if plan.auto else f"a person, as auto is off: {reason}"


def _arm(variant: str, seen: ArmSeen) -> wire.CanaryArm:
    return wire.CanaryArm(variant=variant, **seen._asdict())


def _finding(plan: Canary, one: Finding) -> wire.CanaryFinding:
    return wire.CanaryFinding(
        question=one.question,
        metric=one.metric,
        log_evidence=one.log_e,
        threshold=None if plan.literal else one.threshold,
        answered=_answered(plan, one),
        baseline_samples=one.n0,
        canary_samples=one.n1,
        **dict(_numbers(one)),
    )


def _answered(plan: Canary, one: Finding) -> bool:
    if one.question == PROMOTION:
        return plan.criteria is not None and is_better(one, plan.criteria, literal=plan.literal)
    return is_broken(one, 1, literal=plan.literal)


def _numbers(one: Finding) -> Iterator[tuple[str, float]]:
    """What is known: a number that is none is left out."""
    named = {
        "baseline_mean": one.mean0,
        "canary_mean": one.mean1,
        "effect": one.effect,
        "low": one.low,
        "high": one.high,
    }
    return ((name, value) for name, value in named.items() if not math.isnan(value))


def _moment(seconds: float) -> Timestamp:
    made = Timestamp()
    made.FromNanoseconds(int(seconds * 1e9))
    return made
