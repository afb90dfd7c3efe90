"""From a stored router, its models and what has been learnt and measured to a plan."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.manifest_pb2 import Participant, StateVersions
from turnout.router.v1 import router_pb2
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router, Variant

from services.foundation.errors import FailedPrecondition
from services.models.handle import ModelHandle
from services.router.conditions import BadCondition, Rule
from services.router.conditions.wire import measures_of, schema_of
from services.router.config.panels import helpers_in
from services.router.deciding import terms as terms_room
from services.router.deciding.columns import columns_of
from services.router.deciding.contexts import contexts_of
from services.router.deciding.draw import Counter, Wheel
from services.router.deciding.juries import make_jury
from services.router.deciding.knowledge import NOTHING_KNOWN, Knowledge
from services.router.deciding.latencies import Latencies
from services.router.deciding.masking import Masking, masked, probe_for
from services.router.deciding.pinning import sticky_of
from services.router.deciding.plan import Arm, Probing, Route, RoutingPlan, Ruling
from services.router.deciding.routes import Routes
from services.router.deciding.rulings import Compiled, Written, models_read, ruling_of
from services.router.deciding.shares import MEASURING, Known, Terms
from services.router.deciding.sheets import DEFAULT, ENSEMBLE, PINNED, POLICY, STRATEGY, Header, Saying
from services.router.execution.carrying import compile_carrying
from services.router.execution.redacting import redactor_of
from services.router.health.view import EVERYBODY_WELL, HealthView
from services.router.managing.aliases import read_as
from services.state.ids import partition_for


class CannotCompile(FailedPrecondition):
    """This replica cannot serve the router as it is stored; the message says why."""

    reason = "WRONG_STATE"


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a plan is made from: registered models by name, their handles, the published rewards, which models
    are out, what is measured of them, and how slow they are."""

    models: Mapping[str, Model]
    handle: Callable[[Model], ModelHandle]
    learnt: RewardSnapshot | None
    rng: random.Random
    latencies: Latencies
    health: HealthView = EVERYBODY_WELL
    knowledge: Knowledge = NOTHING_KNOWN
    rules: Compiled = field(default_factory=Compiled)
    turns: dict[str, Counter] = field(default_factory=dict)


def compile_plan(router: Router, given: Ingredients) -> RoutingPlan:
    """The plan of a router that is deployed. Raises CannotCompile where a model is gone or nobody is left."""
    plan = Compilation(router, given).plan()
    probe = probe_for(_members(router, given.models), given.health)
    if probe is None:
        return plan
    tried = Compilation(router, replace(given, health=given.health.trying(probe))).plan()
    return replace(plan, probing=Probing(probe, tried))


def _members(router: Router, models: Mapping[str, Model]) -> list[tuple[Variant, Model]]:
    for variant in router.variants:
        if variant.model not in models:
            raise CannotCompile(f"{variant.model}, the model of variant {variant.id}, is not registered")
    for one in helpers_in(router):
        if one.helper.model not in models:
            raise CannotCompile(f"{one.helper.model}, the {one.role} at {one.path}, is not registered")
    return [(variant, models[variant.model]) for variant in router.variants]


class Compilation:
    """One plan in the making."""

    def __init__(self, router: Router, given: Ingredients) -> None:
        self.router, self.given = router, given
        self.members = _members(router, given.models)
        self.handles = [given.handle(one).with_overrides(variant.overrides) for variant, one in self.members]
        self.seen: Masking = masked(router, self.members, given.health)
        self.written = self._written()
        self.header = Header(
            router.name,
            router.uid,
            router.generation,
            [variant.id for variant, _ in self.members],
            [model.name for _, model in self.members],
            self._versions(),
        )
        self.routes = Routes(
            router=router,
            header=self.header,
            seen=self.seen,
            known=self._known(),
            handles=self.handles,
            latencies=given.latencies,
            turns=given.turns,
            new_counter=lambda: Counter(given.rng),
            scores=_window_means(given.learnt),
            contexts=contexts_of(router, given.learnt, self.written.schema.forms),
        )

    def plan(self) -> RoutingPlan:
        """The plan. Raises CannotCompile where nobody is left."""
        router, arms = self.router, [self._arm(place) for place in range(len(self.members))]
        own = self._own()
        if own is None:
            raise CannotCompile(f"{router.name} has no variant that may be chosen")
        ruling, remarks = self._ruling()
        return RoutingPlan(
            name=router.name,
            uid=router.uid,
            partition=partition_for(router.uid),
            generation=router.generation,
            strategy=own.strategy,
            arms=arms,
            route=own,
            pinned=self._pinned(own),
            ruling=ruling,
            sticky=sticky_of(router),
            deadline=router.default_deadline.ToTimedelta().total_seconds(),
            synchronous=router.log.durability == router_pb2.LOG_DURABILITY_SYNC,
            by_variant={arm.variant: arm for arm in arms},
            columns=columns_of((model for _, model in self.members), self.router.ensemble),
            redactor=redactor_of(router, (model for _, model in self.members)),
            remarks=remarks,
            carrying=compile_carrying(router, self.seen.reasons),
            segments=self.written.segments,
        )

    def _pinned(self, own: Route) -> Route:
        allocation, able = own.wheel.allocation or (0.0,) * len(self.members), self.seen.allowed
        saying = Saying(self.header, PINNED, own.strategy, reasons=self.seen.reasons)
        return Route(own.strategy, Wheel(()), lambda place: saying.pinned(place, allocation, able))

    def _own(self) -> Route | None:
        name = self.router.WhichOneof("strategy") or "weighted"
        terms, given = terms_room.own_terms(self.router), getattr(self.router, name)
        if name == "ensemble":
            return self._jury(terms, given, None, "", ENSEMBLE)
        return self.routes.make(terms, given, "", DEFAULT if name == "feature_based" else STRATEGY)

    def _ruling(self) -> tuple[Ruling | None, Sequence[str]]:
        if not (self.written.policies or self.written.features):
            return None, ()
        return ruling_of(self.written, self._ruled, self._measures, self._drift)

    def _ruled(self, rule: Rule, policy: bool) -> Route | None:
        mode, named = POLICY if policy else STRATEGY, named_by(self.router, rule, policy)
        if named:
            return self.routes.one(named, rule.name, mode)
        terms, given = rule_terms(self.router, rule, policy)
        if not terms_room.reaches(terms, given):
            return None
        if terms.strategy == "ensemble":
            return self._jury(terms, given, terms.among, rule.name, mode)
        return self.routes.make(terms, given, rule.name, mode)

    def _jury(
        self, terms: Terms, given: Any, among: frozenset[str] | None, policy: str, mode: manifest.DecisionMode
    ) -> Route | None:
        saying, trial = self.routes.saying(terms, policy, mode), self.given.health.trial
        jury = make_jury(given, self.members, among, self.seen, self.handles, saying, trial)
        if jury is None:
            return None
        return Route("ensemble", Wheel(()), lambda _: jury.sheet, policy=policy, jury=jury)

    def _arm(self, place: int) -> Arm:
        (variant, model), probe = self.members[place], self.given.health.trial
        canary = (
            self.router.WhichOneof("strategy") == "canary" and variant.id == self.router.canary.canary_model
        )
        seat = Participant(
            model=model.name,
            version=model.version,
            variant=variant.id,
            role=manifest.PARTICIPANT_ROLE_CANARY if canary else manifest.PARTICIPANT_ROLE_PRIMARY,
            attempt=1,
        )
        mine = probe if probe is not None and probe.model == model.name else None
        first = seat.SerializeToString()
        return Arm(place, variant.id, model.name, self.handles[place], variant.enabled, first, mine)

    def _written(self) -> Written:
        schema = schema_of(self.router, self.given.models)
        try:
            return self.given.rules.of(self.router, schema)
        except BadCondition as wrong:
            # A model that changed its features may take the ground from a condition.
            raise CannotCompile(f"a condition of {self.router.name} {wrong}") from None

    def _known(self) -> Known:
        seats = zip(self.members, self.seen.allowed, strict=True)
        healthy = [well or not variant.enabled for (variant, _), well in seats]
        measured = {}
        for variant, model in self.members:
            price = model.cost.per_call if model.cost.HasField("per_call") else None
            if told := terms_room.measured_of(self.given.knowledge.metrics(model.name), price):
                measured[variant.id] = told
        learnt = self.given.learnt if self.router.HasField("bandit") else None
        return Known(healthy, terms_room.learnt_of(self.router, learnt), measured)

    def _measures(self, model: str) -> Mapping[str, float] | None:
        metrics = self.given.knowledge.metrics(read_as(self.router, model))
        return measures_of(metrics) if metrics is not None else None

    def _drift(self, model: str) -> str | None:
        return self.given.knowledge.drift(read_as(self.router, model))

    def _versions(self) -> StateVersions:
        router, given = self.router, self.given
        versions = StateVersions(config=router.generation, health=given.health.version)
        if router.HasField("bandit") and given.learnt is not None:
            versions.learner = given.learnt.version
        if reads_metrics(router) or models_read(self.written):
            versions.metrics = given.knowledge.version
        return versions


def named_by(router: Router, rule: Rule, policy: bool) -> str:
    """The one variant that a rule names, by its id or model; empty if it leads elsewhere."""
    return router.policies[rule.action].variant if policy else router.feature_based.rules[rule.action].model


def rule_terms(router: Router, rule: Rule, policy: bool) -> tuple[Terms, Any]:
    """The terms of a policy or of a feature rule."""
    if policy:
        return terms_room.policy_terms(router, router.policies[rule.action])
    return terms_room.fixed(router, router.feature_based.rules[rule.action].model), None


def reads_metrics(router: Router) -> bool:
    """Whether one of its strategies looks at what is measured."""
    own = router.WhichOneof("strategy") in MEASURING
    return own or any(policy.strategy.WhichOneof("strategy") in MEASURING for policy in router.policies)


def _window_means(learnt: RewardSnapshot | None) -> dict[str, float]:
    arms = learnt.arms if learnt is not None else ()
    return {arm.variant: arm.window_mean for arm in arms if arm.HasField("window_mean")}
