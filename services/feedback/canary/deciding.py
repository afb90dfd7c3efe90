"""What happens next to a canary: a pure function of its plan, what is remembered, what is seen and the time.

The order is the safety of it: harm goes before everything, also before a pause; then nothing happens without
data; then the budget of samples; and only then the canary grows, one step at a time, or is promoted.
"""

from enum import StrEnum
from typing import NamedTuple

from services.feedback.canary import words
from services.feedback.canary.breaker import tripped
from services.feedback.canary.findings import LOSS, PROMOTION, Seen, is_better, is_broken
from services.feedback.canary.plan import DRIFT, Canary, Guardrail, State

# Beyond the label horizon: what folding takes, and a minute that is not over. Older evidence is silence.
STALE_SECONDS = 300.0
# Predictions of one variant without any label in their time: no accident, nobody sends them.
SILENT = 20
# A point estimate of fewer says nothing at all, and a guardrail must not be broken by the first error.
LITERAL_SAMPLES = 30


class Kind(StrEnum):
    """What may be asked of the router."""

    STEP = "STEP"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    HOLD = "HOLD"
    PROMOTE = "PROMOTE"
    ROLLBACK = "ROLLBACK"


class Move(NamedTuple):
    """Something to ask for, and why, in words. percentage: of a step."""

    kind: Kind
    reason: str
    percentage: float = 0.0


class Memory(NamedTuple):
    """What is remembered from look to look. stage: the generation that it is of. mark: labelled predictions
    of the canary before those of the stage. settled: whether those of the stage have begun to be judged."""

    stage: int = 0
    mark: int = 0
    settled: bool = False


class Decision(NamedTuple):
    """What the rules want, None while they wait; and what for, in words."""

    move: Move | None
    waiting: str


def remember(memory: Memory, plan: Canary, seen: Seen | None) -> Memory:
    """What is to be remembered from now on. Until the watermark has reached the stage's beginning, labels
    that come in are of predictions from before it, and are no samples of the stage."""
    stage, first = plan.trial.stage, plan.trial.stage == plan.trial.number
    if memory.stage != stage:
        memory = Memory(stage, 0, settled=first)
    if seen is not None and seen.canary.labelled < memory.mark:
        # Evidence has begun anew, as where an alias means another model now.
        memory = memory._replace(mark=seen.canary.labelled)
    if memory.settled or seen is None:
        return memory
    return Memory(stage, seen.canary.labelled, settled=seen.watermark >= plan.trial.since)


def stage_samples(memory: Memory, plan: Canary, seen: Seen | None) -> int:
    """Labelled predictions of the canary from its present stage."""
    if seen is None or memory.stage != plan.trial.stage or not memory.settled:
        return 0
    return max(seen.canary.labelled - memory.mark, 0)


def decide(plan: Canary, memory: Memory, seen: Seen | None, now: float) -> Decision:
    """The next move, or what is waited for. `now` in seconds since 1970."""
    if plan.trial.state in words.ENDED:
        return Decision(None, words.ENDED[plan.trial.state])
    if not plan.serving:
        return Decision(None, "the router to be running")
    if plan.percentage <= 0:
        return Decision(None, "traffic: the canary's percentage is 0")
    if harm := _harm(plan, seen):
        return Decision(harm, "")
    if plan.trial.state in words.STANDING:
        return Decision(None, words.STANDING[plan.trial.state])
    if seen is None:
        return Decision(None, "evidence: nothing is known of the canary yet")
    if doubt := _doubt(plan, seen, now):
        return Decision(None, doubt)
    return _grow(plan, memory, seen, now)


def _harm(plan: Canary, seen: Seen | None) -> Move | None:
    """A rollback if anything calls for one, else a pause if anything does."""
    if seen is None:
        return None
    if tripped(seen.recent):
        return Move(Kind.ROLLBACK, words.breaker(seen.recent))
    broken = [one for one in plan.guardrails if _broken(plan, one, seen)]
    for guardrail in broken:
        if guardrail.rollback:
            return Move(Kind.ROLLBACK, words.guardrail(guardrail, seen))
    loss = seen.findings.get(LOSS)
    if plan.criteria and not plan.literal and loss is not None and is_broken(loss, 1, literal=False):
        return Move(Kind.ROLLBACK, words.loss(loss))
    if broken and plan.trial.state is State.RUNNING:
        return Move(Kind.PAUSE, words.guardrail(broken[0], seen))
    return None


def _broken(plan: Canary, guardrail: Guardrail, seen: Seen) -> bool:
    if guardrail.metric == DRIFT:
        return seen.drift == "alert"
    least = max(plan.criteria.min_samples if plan.criteria else 0, LITERAL_SAMPLES)
    return is_broken(seen.findings.get(guardrail.question), least, literal=plan.literal)


def _doubt(plan: Canary, seen: Seen, now: float) -> str:
    """Why nothing may happen now; silence is never success."""
    if seen.doubts:
        return f"sound evidence: {seen.doubts[0]}"
    if not seen.watermark:
        return "fresh data: nothing was judged yet"
    behind = now - seen.watermark - plan.label_horizon
    if behind > STALE_SECONDS:
        return f"fresh data: nothing was judged for {words.span(behind)} longer than labels may take"
    for name, arm in (("canary", seen.canary), ("baseline", seen.baseline)):
        if arm.missing >= SILENT and not arm.labelled:
            return f"fresh data: none of {arm.missing:,} predictions of the {name} had a label in time"
    return ""


def _grow(plan: Canary, memory: Memory, seen: Seen, now: float) -> Decision:
    promotion = seen.findings.get(PROMOTION)
    better = plan.criteria is not None and is_better(promotion, plan.criteria, literal=plan.literal)
    samples = min(seen.canary.labelled, seen.baseline.labelled)
    if plan.max_samples and samples >= plan.max_samples and not better:
        return Decision(Move(Kind.HOLD, words.undecided(plan, promotion, samples)), "")
    wanted, have = max(plan.stage.min_samples, 1), stage_samples(memory, plan, seen)
    if have < wanted:
        return Decision(None, f"labels: {have} of {wanted} of the canary from this stage")
    left = plan.trial.since + plan.stage.min_seconds - now
    if left > 0:
        return Decision(None, f"time: {words.span(left)} more of this stage")
    if step := plan.next_step:
        return Decision(Move(Kind.STEP, words.step(plan, have), step.percentage), "")
    if plan.criteria is None:
        return Decision(None, "a person: without promotion_criteria nothing promotes it by itself")
    if better and promotion is not None:
        return Decision(Move(Kind.PROMOTE, words.better(plan, promotion)), "")
    return Decision(None, words.not_yet(plan, promotion))
