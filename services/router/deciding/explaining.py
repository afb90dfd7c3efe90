"""What would be decided, and why: nothing is called, nothing is logged, and nobody loses a turn."""

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.manifest_pb2 import DECISION_MODE_PINNED, Decision, DecisionMode, Manifest
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.router.deciding.asking import asked_then
from services.router.deciding.choosing import Choice, choose, drawn, route_of
from services.router.deciding.pinning import seen
from services.router.deciding.plan import RoutingPlan
from services.router.execution.requests import check_entity
from services.router.managing.aliases import resolved
from services.router.managing.history import missing
from services.router.serving.readying import in_slices
from services.router.serving.snapshot import Snapshot
from services.state.config_reader import ConfigReader
from services.state.errors import PredictionNotFound
from services.state.pins import Pins
from services.state.records import RecordStore

# Shares that differ by less are rounded otherwise.
SAME_SHARE = 1e-9
MOST_HIDDEN = 5
OF_A_QUESTION = ("input", "entity_id", "attributes", "variant")


class DrawOutOfRange(InvalidArgument):
    """A draw to explain that is no number in [0, 1)."""


class DrawNotTaken(InvalidArgument):
    """A draw to explain where something else decides it."""


class NothingElseAsked(InvalidArgument):
    """A past prediction to explain, and beside it a part of another question."""


class Past(NamedTuple):
    """Where predictions and configurations of the past are, and what makes a plan of one now: its rules
    `ahead`, step by step, and then the rest."""

    records: RecordStore
    routers: ConfigReader[Router]
    ahead: Callable[[Router], Iterator[object]]
    compile: Callable[[Router], RoutingPlan]


class Explainer:
    """`clock` is the wall clock in nanoseconds since 1970; `rng` draws where the caller gives no draw."""

    def __init__(
        self, snapshot: Snapshot, rng: random.Random, clock: Callable[[], int], past: Past, pins: Pins
    ) -> None:
        self._snapshot = snapshot
        self._past = past
        self._pins = pins
        self.rng = rng
        self.clock = clock

    def misruled(self, router: str, rule: str) -> None:
        """Nobody asked in earnest."""

    def passed_over(self, router: str, rule: str) -> None:
        """Nobody asked in earnest."""

    async def explain(self, request: rpc.ExplainRequest, call: Call) -> rpc.ExplainResponse:
        """The decision on a request that nobody makes, or once made.

        Raises DrawOutOfRange, DrawNotTaken, NothingElseAsked, PredictionNotFound, GenerationNotFound,
        CannotCompile, and what `choose` raises.
        """
        check_entity(request.entity_id)
        plan = await self._plan(request)
        _check_draw(plan, request)
        _check_past(request)
        reply = rpc.ExplainResponse(generation=plan.generation, warnings=plan.remarks)
        if request.prediction_id:
            await self._again(plan, request, call, reply)
        else:
            reply.decision.CopyFrom(await self._told(plan, request, call, reply))
        return reply

    async def _plan(self, request: rpc.ExplainRequest) -> RoutingPlan:
        plan = self._snapshot.serving(request.router)
        if not request.generation or request.generation == plan.generation:
            return plan
        former = await self._past.routers.generation(plan.uid, request.generation)
        if former is None:
            raise missing(plan.name, request.generation)
        router = resolved(former.message)
        await in_slices(self._past.ahead(router))
        return self._past.compile(router)

    async def _again(
        self, plan: RoutingPlan, request: rpc.ExplainRequest, call: Call, reply: rpc.ExplainResponse
    ) -> None:
        record = await self._past.records.read(request.prediction_id)
        if record is None or record.event.router_uid != plan.uid:
            said = f"{plan.name} has no record of prediction {request.prediction_id[:100]}, or not yet"
            raise PredictionNotFound(said, prediction_id=request.prediction_id[:100])
        original = record.event.manifest.decision
        again, warnings = _repeated(plan, request, record.event, original)
        decision = await self._told(plan, again, call, reply)
        reply.decision.CopyFrom(decision)
        reply.original.CopyFrom(original)
        reply.same = decision.variant == original.variant
        reply.warnings.extend(warnings)
        reply.differences.extend(differences(original, decision))

    async def _told(
        self, plan: RoutingPlan, request: rpc.ExplainRequest, call: Call, reply: rpc.ExplainResponse
    ) -> Decision:
        """The decision, the entity's pin included; the reply has what a manifest would warn of."""
        choice, sticky = self._choice(plan, request, call), plan.sticky
        if sticky is not None and sticky.pin_seconds and request.entity_id and not request.variant:
            choice = await seen(choice, plan, sticky, request.entity_id, self._pins)
        reply.warnings.extend(Manifest.FromString(choice.sheet.manifest).warnings)
        return told(choice)

    def _choice(self, plan: RoutingPlan, request: rpc.ExplainRequest, call: Call) -> Choice:
        # Never the counter: explaining must not take anybody's turn.
        u = request.u if request.HasField("u") else self.rng.random()
        if not 0 <= u < 1:
            said = f"must be at least 0 and less than 1, got {u:g}"
            raise DrawOutOfRange(f"u: {said}", fields=[("u", said)])
        if request.variant:
            return choose(plan, request, call, self)
        now = self.clock()
        route, match = route_of(plan, request, call, now)
        return drawn(plan, route, request, self.rng, now, u).ruled(match)


def _check_draw(plan: RoutingPlan, request: rpc.ExplainRequest) -> None:
    """Raise DrawNotTaken for a draw that would be dropped without a word."""
    if not request.HasField("u"):
        return
    said = ""
    if request.prediction_id:
        said = "leave it out: a past prediction is explained with its own draw"
    elif request.variant:
        said = "leave it out: nothing is drawn where a variant is pinned"
    elif request.entity_id and plan.sticky is not None:
        said = f"leave it out, or entity_id: {plan.name} is sticky, and draws an entity by its hash"
    if said:
        raise DrawNotTaken(f"u: {said}", fields=[("u", said)])


def _check_past(request: rpc.ExplainRequest) -> None:
    """Raise NothingElseAsked for what a past prediction has itself."""
    given = [field.name for field, _ in request.ListFields() if field.name in OF_A_QUESTION]
    if request.prediction_id and given:
        said = "leave it out: a past prediction is explained with its own"
        raise NothingElseAsked(f"{given[0]}: {said}", fields=[(name, said) for name in given])


def told(choice: Choice) -> Decision:
    """The decision as a manifest would have it."""
    decision = Decision.FromString(choice.sheet.decision)
    decision.u = choice.u
    decision.time.FromNanoseconds(choice.now)
    return decision


def _repeated(
    plan: RoutingPlan, request: rpc.ExplainRequest, event: PredictionEvent, original: Decision
) -> tuple[rpc.ExplainRequest, list[str]]:
    """The question of a past prediction as far as it was logged, and what is missing of it."""
    again = rpc.ExplainRequest(router=request.router, entity_id=event.entity_id, u=original.u)
    again.attributes.update(event.attributes)
    warnings = _unlogged(plan)
    if original.mode == DECISION_MODE_PINNED:
        arm = plan.by_variant.get(original.variant)
        if arm is not None and arm.enabled:
            # The caller's pin goes before rules: what they would have read makes no difference.
            again.variant = arm.variant
            return again, []
        warnings.append(f"the caller pinned {original.variant}, which cannot be pinned any more")
    if event.withheld:
        hidden = ", ".join(sorted(event.withheld)[:MOST_HIDDEN])
        warnings.append(f"the router does not log {hidden}: rules on it may decide otherwise")
    asked = asked_then(event)
    if asked is not None:
        again.input.CopyFrom(asked)
    else:
        kind = event.input_kind or "unknown"
        warnings.append(f"its input, of kind {kind}, was not logged: rules on it may decide otherwise")
    return again, warnings


def _unlogged(plan: RoutingPlan) -> list[str]:
    """What rules read and no event has."""
    names = plan.ruling.rules.names if plan.ruling is not None else ()
    read = sorted(name.removeprefix("headers.") for name in names if name.startswith("headers."))
    if not read:
        return []
    return [f"headers are not logged ({', '.join(read[:MOST_HIDDEN])}): rules on them may decide otherwise"]


def differences(before: Decision, after: Decision) -> list[str]:
    """What differs between two decisions on the same request, in sentences."""
    found = [
        f"the {name} was {_named(then)}, now it is {_named(now)}"
        for name, then, now in (
            ("configuration generation", before.versions.config, after.versions.config),
            ("mode", _mode(before), _mode(after)),
            ("policy", before.policy, after.policy),
            ("strategy", before.strategy, after.strategy),
            ("variant", before.variant, after.variant),
            ("held variant", before.held and before.variant, after.held and after.variant),
        )
        if then != now
    ]
    shares = {one.variant: one for one in before.candidates}
    for one in after.candidates:
        then = shares.pop(one.variant, None)
        if then is None:
            found.append(f"{one.variant} was not there, now it has a share of {one.probability:.4g}")
        elif abs(then.probability - one.probability) > SAME_SHARE:
            why = f" ({one.reason})" if one.reason else ""
            found.append(
                f"{one.variant} had a share of {then.probability:.4g}, now {one.probability:.4g}{why}"
            )
    return found + [
        f"{gone.variant} is not there any more; it had a share of {gone.probability:.4g}"
        for gone in shares.values()
    ]


def _mode(decision: Decision) -> str:
    return DecisionMode.Name(decision.mode).removeprefix("DECISION_MODE_").lower()


def _named(value: object) -> str:
    return str(value) if value else "none"
