"""What a router's configuration says of its canary, from the message that it is stored as."""

from turnout.router.v1 import canary_pb2 as wire
from turnout.router.v1 import router_pb2 as routers
from turnout.router.v1 import strategy_pb2 as strategy

from services.feedback.canary.plan import (
    ALPHA,
    LABEL_HORIZON,
    Canary,
    Criteria,
    Guardrail,
    State,
    Step,
    Transition,
    Trial,
)
from services.state.names import id_of
from services.state.outcomes import DEFAULT_METRIC

SERVING = (routers.ROUTER_STATE_RUNNING, routers.ROUTER_STATE_DEPLOYING)
# What moves a canary's percentage; the others leave its stage as it is.
_NEW_STAGE = (
    wire.CANARY_MOVE_START,
    wire.CANARY_MOVE_SET,
    wire.CANARY_MOVE_STEP,
    wire.CANARY_MOVE_PROMOTE,
    wire.CANARY_MOVE_ROLLBACK,
)


def canary_of(router: routers.Router) -> Canary | None:
    """None where the strategy is another one, and for a router of a version that knew no trials: its next
    change begins one."""
    if router.WhichOneof("strategy") != "canary" or not router.canary.trial.number:
        return None
    given = router.canary
    return Canary(
        baseline=given.baseline_model,
        canary=given.canary_model,
        percentage=given.canary_percentage,
        trial=_trial(given.trial),
        steps=[_step(one) for one in given.steps],
        criteria=_criteria(given.promotion_criteria) if given.HasField("promotion_criteria") else None,
        literal=given.evidence == strategy.EVIDENCE_LITERAL,
        guardrails=[_guardrail(one) for one in given.guardrails],
        label_horizon=_seconds(given.label_horizon) if given.HasField("label_horizon") else LABEL_HORIZON,
        alpha=given.alpha if given.HasField("alpha") else ALPHA,
        max_samples=given.max_samples,
        auto=given.auto or not given.HasField("auto"),
        models=[_model(router, one) for one in (given.baseline_model, given.canary_model)],
        serving=router.state in SERVING,
        etag=router.etag,
    )


def _trial(given: wire.CanaryTrial) -> Trial:
    stages = (one.generation for one in reversed(given.transitions) if one.move in _NEW_STAGE)
    return Trial(
        number=given.number,
        state=State(wire.CanaryState.Name(given.state).removeprefix("CANARY_STATE_")),
        stage=next(stages, given.number),
        begun=given.begin_time.ToNanoseconds() / 1e9,
        since=given.stage_time.ToNanoseconds() / 1e9,
        transitions=[_transition(one) for one in given.transitions],
    )


def _transition(given: wire.CanaryTransition) -> Transition:
    return Transition(
        given.generation,
        given.transition_id,
        wire.CanaryMove.Name(given.move).removeprefix("CANARY_MOVE_"),
        given.from_percentage,
        given.to_percentage,
        given.reason,
        given.by,
        given.time.ToNanoseconds() / 1e9,
        given.trial,
        given.baseline,
        given.canary,
    )


def _step(given: strategy.CanaryStep) -> Step:
    return Step(given.percentage, _seconds(given.min_duration), given.min_samples)


def _criteria(given: strategy.PromotionCriteria) -> Criteria:
    return Criteria(given.metric or DEFAULT_METRIC, given.min_improvement, given.min_samples)


def _guardrail(given: strategy.Guardrail) -> Guardrail:
    return Guardrail(
        given.metric,
        given.max_value if given.HasField("max_value") else None,
        given.max_regression if given.HasField("max_regression") else None,
        given.action != strategy.GUARDRAIL_ACTION_PAUSE,
    )


def _model(router: routers.Router, variant: str) -> str:
    named = (one for one in router.variants if (one.id or id_of(one.model)) == variant)
    return next((one.resolved_model or one.model for one in named), "")


def _seconds(given: object) -> float:
    return given.ToNanoseconds() / 1e9  # type: ignore[attr-defined,no-any-return]
