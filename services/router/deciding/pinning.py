"""Sticky entities that keep their first variant although the allocation changes."""

from turnout.inference.v1.manifest_pb2 import DRAW_SOURCE_RENDEZVOUS, Decision, Manifest
from turnout.router.v1.inference_service_pb2 import PredictRequest
from turnout.router.v1.router_pb2 import Router

from services.router.deciding.choosing import Choice
from services.router.deciding.plan import RoutingPlan, Sticky
from services.router.deciding.rendezvous import key_of, keyed, unit_hash
from services.state.errors import StateUnavailable
from services.state.pins import Pin, Pins

UNHELD = "the pin could not be read: the hash of the entity decided"


def sticky_of(router: Router) -> Sticky | None:
    """How the router's entities stay with their variants; None where they do not."""
    given = router.stickiness
    if not given.enabled:
        return None
    salt = given.salt or router.uid
    seconds = given.pin_ttl.ToNanoseconds() / 1e9 if given.pin else 0.0
    said = Decision(draw=DRAW_SOURCE_RENDEZVOUS, salt=salt).SerializeToString()
    return Sticky(said, key_of(salt), keyed([one.id for one in router.variants]), seconds)


async def held(
    choice: Choice, plan: RoutingPlan, sticky: Sticky, request: PredictRequest, pins: Pins
) -> Choice:
    """The choice for an entity that holds a variant: that one, if it may be drawn here.

    A variant that is out for its health, has no share, or is none of the policy's keeps its entities: the
    hash decides meanwhile. Where load or latency decides, a share of 0 is of the moment, and is no reason.
    One that is disabled or gone loses them to whoever is drawn. Without Redis, or if it is slow, the hash
    decides and the manifest says so.
    """
    if choice.arm is None or request.variant:
        # A jury has nobody to hold, and a caller who names a variant means it.
        return choice
    unit = unit_hash(request.entity_id, sticky.key)
    drawn = Pin(choice.arm.variant, choice.route.wheel.allocation[choice.arm.place])
    pin, new = pins.remembered(plan.uid, unit), False
    try:
        if pin is None:
            pin, new = await pins.hold(plan.partition, plan.uid, unit, drawn, sticky.pin_seconds)
        arm = plan.by_variant.get(pin.variant)
        if arm is None or not arm.enabled:
            pin, new = await pins.hold(
                plan.partition, plan.uid, unit, drawn, sticky.pin_seconds, instead_of=pin.variant
            )
    except StateUnavailable:
        return _unheld(choice)
    return choice if new else _honouring(choice, plan, sticky, unit, pin)


async def seen(choice: Choice, plan: RoutingPlan, sticky: Sticky, entity_id: str, pins: Pins) -> Choice:
    """The same for an explanation: nobody is pinned, and no pin lasts longer for it."""
    if choice.arm is None:
        return choice
    unit = unit_hash(entity_id, sticky.key)
    try:
        pin = pins.remembered(plan.uid, unit) or await pins.find(plan.partition, plan.uid, unit)
    except StateUnavailable:
        return _unheld(choice)
    return choice if pin is None else _honouring(choice, plan, sticky, unit, pin)


def _unheld(choice: Choice) -> Choice:
    warning = Manifest(warnings=[UNHELD]).SerializeToString()
    return choice._replace(sheet=choice.sheet._replace(manifest=choice.sheet.manifest + warning))


def _honouring(choice: Choice, plan: RoutingPlan, sticky: Sticky, unit: str, pin: Pin) -> Choice:
    """The choice of the pin. Its propensity is that of the draw by which the unit got the variant: it was
    chosen then. Where only one may be drawn, whatever is pinned, the pin chooses nothing."""
    assert choice.arm is not None  # noqa: S101 - who calls has looked
    arm = plan.by_variant.get(pin.variant)
    if arm is None or not choice.route.may_hold(arm.place):
        return choice
    drawn, told = choice.arm.variant, Decision.FromString(choice.sheet.decision)
    said = Decision(
        unit_hash=unit,
        held=True,
        propensity=pin.propensity,
        displaced=drawn if drawn != pin.variant else "",
        rule_errors=told.rule_errors,
        explanation=f"{pin.variant} is held by the entity, which got it with probability "
        f"{pin.propensity:.4g}; without that: {told.explanation}",
    )
    sheet = choice.route.sheet(arm.place)
    decision = sheet.decision + sticky.said + said.SerializeToString()
    return choice._replace(arm=arm, sheet=sheet._replace(decision=decision))
