"""From a stored router, its models and what has been learnt to a plan."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from turnout.aggregator.v1.aggregator_service_pb2 import Plan
from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.inference.v1.manifest_pb2 import Decision, Manifest, Participant
from turnout.router.v1 import router_pb2
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router, Variant

from services.foundation.errors import FailedPrecondition
from services.models.handle import ModelHandle
from services.router.bounds import bounded
from services.router.columns import columns_of
from services.router.config.defaults import weight_of
from services.router.draw import Counter, Wheel
from services.router.frames import Sheet
from services.router.plan import Arm, Jury, RoutingPlan
from services.router.strategies import STRATEGIES, Allocation, Candidate, RoutingState
from services.state import formats
from services.state.ids import partition_for

# More rows than a message of 4 MiB can carry.
MOST_ROWS = 4 * 1024 * 1024


class CannotCompile(FailedPrecondition):
    """This replica cannot serve the router as it is stored; the message says why."""

    reason = "WRONG_STATE"


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a plan is made from: registered models by name, their handles, and the published rewards."""

    models: Mapping[str, Model]
    handle: Callable[[Model], ModelHandle]
    learnt: RewardSnapshot | None
    rng: random.Random


def compile_plan(router: Router, given: Ingredients) -> RoutingPlan:
    """The plan of a router that is deployed. Raises CannotCompile where a model is gone or nobody is left."""
    strategy = router.WhichOneof("strategy") or "weighted"
    members = [(variant, _model(variant, given.models)) for variant in router.variants]
    allocation = allocation_of(router, given.learnt)
    jury = _jury(router, members, given) if strategy == "ensemble" else None
    wheel = Wheel(allocation)
    if not wheel and jury is None:
        raise CannotCompile(f"{router.name} has no variant that may be chosen")
    draw = manifest.DRAW_SOURCE_COUNTER if strategy == "round_robin" else manifest.DRAW_SOURCE_GENERATOR
    decision = _decision(router, strategy, allocation, given.learnt, draw)
    arms = [
        _arm(router, variant, model, share, decision, given)
        for (variant, model), share in zip(members, allocation, strict=True)
    ]
    return RoutingPlan(
        name=router.name,
        uid=router.uid,
        partition=partition_for(router.uid),
        generation=router.generation,
        strategy=strategy,
        arms=arms,
        wheel=wheel,
        draw=draw,
        counter=Counter(given.rng) if strategy == "round_robin" else None,
        jury=jury,
        deadline=router.default_deadline.ToTimedelta().total_seconds(),
        synchronous=router.log.durability == router_pb2.LOG_DURABILITY_SYNC,
        by_variant={arm.variant: arm for arm in arms},
        columns=columns_of(model for _, model in members),
    )


def allocation_of(router: Router, learnt: RewardSnapshot | None) -> Allocation:
    """Probability per variant, in the order of the router's variants; all zero for an ensemble."""
    strategy = router.WhichOneof("strategy") or "weighted"
    allocate = STRATEGIES.get(strategy)
    if allocate is None:
        return (0.0,) * len(router.variants)
    parameters: dict[str, float | str] = {}
    if strategy == "canary":
        parameters = {
            "baseline_model": router.canary.baseline_model,
            "canary_model": router.canary.canary_model,
            "canary_percentage": router.canary.canary_percentage,
        }
    candidates = [Candidate(one.id, weight_of(one), one.enabled) for one in router.variants]
    published = _published(router, learnt) if learnt is not None else {}
    allocation = allocate(RoutingState(candidates, published, parameters))
    return _held(router, allocation) if strategy == "bandit" else allocation


def _held(router: Router, allocation: Allocation) -> Allocation:
    # What was learnt keeps floor and cap among the variants of its time; who is out leaves a share behind.
    floor, cap = router.bandit.floor, router.bandit.cap if router.bandit.HasField("cap") else 1.0
    return bounded(allocation, [one.enabled for one in router.variants], floor, cap)


def _published(router: Router, learnt: RewardSnapshot) -> dict[str, float]:
    """What was published, less the zeros of an older configuration: a variant that was disabled then and is
    not now is new to the learner."""
    current = learnt.generation >= router.generation
    return {arm.variant: arm.probability for arm in learnt.arms if current or arm.probability > 0}


def _model(variant: Variant, models: Mapping[str, Model]) -> Model:
    model = models.get(variant.model)
    if model is None:
        raise CannotCompile(f"{variant.model}, the model of variant {variant.id}, is not registered")
    return model


def _decision(
    router: Router, strategy: str, allocation: Allocation, learnt: RewardSnapshot | None, draw: int
) -> Decision:
    ensemble = strategy == "ensemble"
    decision = Decision(
        mode=manifest.DECISION_MODE_ENSEMBLE if ensemble else manifest.DECISION_MODE_STRATEGY,
        strategy=strategy,
        draw=manifest.DRAW_SOURCE_UNSPECIFIED if ensemble else draw,  # type: ignore[arg-type]
    )
    decision.versions.config = router.generation
    if strategy == "bandit" and learnt is not None:
        decision.versions.learner = learnt.version
    scores = (
        {arm.variant: arm.window_mean for arm in learnt.arms if arm.HasField("window_mean")} if learnt else {}
    )
    for variant, share in zip(router.variants, allocation, strict=True):
        candidate = decision.candidates.add(
            variant=variant.id, model=variant.model, probability=share, eligible=variant.enabled
        )
        if not variant.enabled:
            candidate.reason = "disabled"
        if strategy == "bandit" and variant.id in scores:
            candidate.score = scores[variant.id]
    return decision


def _sheet(router: Router, decision: Decision) -> Sheet:
    event = PredictionEvent(format=formats.PREDICTION_EVENT, router_uid=router.uid)
    told = Manifest(router=router.name, generation=router.generation)
    return Sheet(event.SerializeToString(), told.SerializeToString(), decision.SerializeToString())


def _arm(
    router: Router, variant: Variant, model: Model, share: float, decision: Decision, given: Ingredients
) -> Arm:
    told, eligible = Decision(), sum(one.enabled for one in router.variants)
    told.CopyFrom(decision)
    told.variant, told.model, told.propensity = variant.id, model.name, share
    told.explanation = (
        f"{told.strategy} drew {variant.id} with probability {share:.4g} among {eligible} variants"
    )
    drawn = _sheet(router, told)
    told.mode, told.draw = manifest.DECISION_MODE_PINNED, manifest.DRAW_SOURCE_UNSPECIFIED
    told.propensity, told.explanation = 1.0, f"the caller pinned {variant.id}; nothing was drawn"
    pinned = _sheet(router, told)
    canary = router.WhichOneof("strategy") == "canary" and variant.id == router.canary.canary_model
    seat = Participant(
        model=model.name,
        version=model.version,
        variant=variant.id,
        role=manifest.PARTICIPANT_ROLE_CANARY if canary else manifest.PARTICIPANT_ROLE_PRIMARY,
        attempt=1,
    )
    first = seat.SerializeToString()
    return Arm(variant.id, model.name, given.handle(model), variant.enabled, drawn, pinned, first)


def _jury(router: Router, members: list[tuple[Variant, Model]], given: Ingredients) -> Jury:
    ensemble = router.ensemble
    chosen = [
        (variant, model)
        for variant, model in members
        if variant.enabled and (not ensemble.members or variant.id in ensemble.members)
    ]
    plan = Plan(
        aggregation=ensemble.aggregation, weight_source=ensemble.weight_source, quorum=ensemble.quorum
    )
    for variant, model in chosen:
        member = plan.members.add(variant=variant.id, model=model.name)
        if variant.HasField("weight"):
            member.weight = variant.weight
        if ensemble.HasField("member_timeout"):
            member.timeout.CopyFrom(ensemble.member_timeout)
    decision = _decision(router, "ensemble", (0.0,) * len(members), None, manifest.DRAW_SOURCE_UNSPECIFIED)
    decision.propensity = 1.0
    decision.explanation = f"all {len(chosen)} members are asked"
    sheet = _sheet(router, decision)
    first = given.handle(chosen[0][1])

    def reads(asked: Input) -> tuple[int, TabularInput | None]:
        # What the caller says, before any member has looked at it: only what can be counted is noted.
        shape = asked.tensors.tensors[0].shape if asked.tensors.tensors else ()
        rows = shape[0] if shape and 0 < shape[0] <= MOST_ROWS else 1
        return rows, first.features(asked)

    return Jury(plan, sheet, tuple(model.name for _, model in chosen), reads)
