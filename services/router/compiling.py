"""From a stored router, its models and what has been learnt to a plan."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

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
from services.router.health.probe import Probe
from services.router.health.view import EVERYBODY_WELL, HealthView
from services.router.masking import Masking, ignoring, masked, probe_for
from services.router.plan import Arm, Jury, Probing, RoutingPlan
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
    """What a plan is made from: registered models by name, their handles, the published rewards, and which
    models are out."""

    models: Mapping[str, Model]
    handle: Callable[[Model], ModelHandle]
    learnt: RewardSnapshot | None
    rng: random.Random
    health: HealthView = EVERYBODY_WELL


def compile_plan(router: Router, given: Ingredients) -> RoutingPlan:
    """The plan of a router that is deployed. Raises CannotCompile where a model is gone or nobody is left."""
    strategy = router.WhichOneof("strategy") or "weighted"
    members = [(variant, _model(variant, given.models)) for variant in router.variants]
    seen = masked(router, members, given.health)
    allocation = allocation_of(router, given.learnt, seen.allowed)
    jury = _jury(router, members, seen, given) if strategy == "ensemble" else None
    if not any(allocation) and jury is None:
        # Whoever is healthy has no weight: a sick model answers more than none.
        seen = ignoring(members, "; health is ignored: no healthy variant has a share")
        allocation = allocation_of(router, given.learnt, seen.allowed)
    wheel = Wheel(allocation)
    if not wheel and jury is None:
        raise CannotCompile(f"{router.name} has no variant that may be chosen")
    draw = manifest.DRAW_SOURCE_COUNTER if strategy == "round_robin" else manifest.DRAW_SOURCE_GENERATOR
    decision = _decision(router, strategy, allocation, given, seen, draw)
    arms = [
        _arm(router, variant, model, share, decision, given)
        for (variant, model), share in zip(members, allocation, strict=True)
    ]
    plan = RoutingPlan(
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
    probe = probe_for(members, given.health)
    return plan if probe is None else _with_probe(router, plan, probe, given)


def _with_probe(router: Router, plan: RoutingPlan, probe: Probe, given: Ingredients) -> RoutingPlan:
    tried = compile_plan(router, replace(given, health=given.health.trying(probe)))
    return replace(plan, probing=Probing(probe, replace(tried, counter=plan.counter)))


def allocation_of(
    router: Router, learnt: RewardSnapshot | None, allowed: Sequence[bool] | None = None
) -> Allocation:
    """Probability per variant, in the order of the router's variants; all zero for an ensemble. `allowed` are
    those that may be chosen, by default whoever is enabled."""
    if allowed is None:
        allowed = [one.enabled for one in router.variants]
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
    candidates = [
        Candidate(one.id, weight_of(one), may) for one, may in zip(router.variants, allowed, strict=True)
    ]
    published = _published(router, learnt) if learnt is not None else {}
    allocation = allocate(RoutingState(candidates, published, parameters))
    return _held(router, allocation, allowed) if strategy == "bandit" else allocation


def _held(router: Router, allocation: Allocation, allowed: Sequence[bool]) -> Allocation:
    # What was learnt keeps floor and cap among the variants of its time; who is out leaves a share behind.
    floor, cap = router.bandit.floor, router.bandit.cap if router.bandit.HasField("cap") else 1.0
    return bounded(allocation, list(allowed), floor, cap)


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
    router: Router, strategy: str, allocation: Allocation, given: Ingredients, seen: Masking, draw: int
) -> Decision:
    ensemble, learnt = strategy == "ensemble", given.learnt
    decision = Decision(
        mode=manifest.DECISION_MODE_ENSEMBLE if ensemble else manifest.DECISION_MODE_STRATEGY,
        strategy=strategy,
        draw=manifest.DRAW_SOURCE_UNSPECIFIED if ensemble else draw,  # type: ignore[arg-type]
    )
    decision.versions.config, decision.versions.health = router.generation, given.health.version
    decision.explanation = seen.note
    if strategy == "bandit" and learnt is not None:
        decision.versions.learner = learnt.version
    scores = (
        {arm.variant: arm.window_mean for arm in learnt.arms if arm.HasField("window_mean")} if learnt else {}
    )
    for variant, share, may in zip(router.variants, allocation, seen.allowed, strict=True):
        candidate = decision.candidates.add(
            variant=variant.id, model=variant.model, probability=share, eligible=may
        )
        candidate.reason = seen.reasons.get(variant.id, "")
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
    told = Decision()
    told.CopyFrom(decision)
    eligible, probe = sum(one.eligible for one in decision.candidates), given.health.trial
    told.variant, told.model, told.propensity = variant.id, model.name, share
    told.explanation = (
        f"{told.strategy} drew {variant.id} with probability {share:.4g} among {eligible} variants"
        f"{decision.explanation}"
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
    mine = probe if probe is not None and probe.model == model.name else None
    return Arm(variant.id, model.name, given.handle(model), variant.enabled, drawn, pinned, first, mine)


def _jury(router: Router, members: list[tuple[Variant, Model]], seen: Masking, given: Ingredients) -> Jury:
    ensemble = router.ensemble
    panel = [
        (variant, model)
        for variant, model in members
        if variant.enabled and (not ensemble.members or variant.id in ensemble.members)
    ]
    chosen = [(variant, model) for variant, model in panel if variant.id not in seen.reasons]
    if len(chosen) < ensemble.quorum:
        chosen, seen = panel, ignoring(members, "; health is ignored: the quorum needs them")
    plan = Plan(
        aggregation=ensemble.aggregation, weight_source=ensemble.weight_source, quorum=ensemble.quorum
    )
    for variant, model in chosen:
        member = plan.members.add(variant=variant.id, model=model.name)
        if variant.HasField("weight"):
            member.weight = variant.weight
        if ensemble.HasField("member_timeout"):
            member.timeout.CopyFrom(ensemble.member_timeout)
    nobody = (0.0,) * len(members)
    decision = _decision(router, "ensemble", nobody, given, seen, manifest.DRAW_SOURCE_UNSPECIFIED)
    asked = "all" if len(chosen) == len(panel) else f"{len(chosen)} healthy ones of"
    decision.propensity = 1.0
    decision.explanation = f"{asked} {len(panel)} members are asked{seen.note}"
    sheet = _sheet(router, decision)
    first = given.handle(chosen[0][1])

    def reads(asked: Input) -> tuple[int, TabularInput | None]:
        # What the caller says, before any member has looked at it: only what can be counted is noted.
        shape = asked.tensors.tensors[0].shape if asked.tensors.tensors else ()
        rows = shape[0] if shape and 0 < shape[0] <= MOST_ROWS else 1
        return rows, first.features(asked)

    names = tuple(model.name for _, model in chosen)
    probe = given.health.trial
    return Jury(plan, sheet, names, reads, probe if probe is not None and probe.model in names else None)
