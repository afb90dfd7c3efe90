"""Sticky entities that keep their first variant although the allocation changes."""

from turnout.inference.v1.manifest_pb2 import DRAW_SOURCE_RENDEZVOUS, Decision, Manifest
from turnout.router.v1.inference_service_pb2 import PredictRequest
from turnout.router.v1.router_pb2 import Router

from services.router.deciding.choosing import Choice
from services.router.deciding.plan import RoutingPlan, Sticky
from services.router.deciding.rendezvous import key_of, keyed, unit_hash
from services.state.errors import StateUnavailable
from services.state.pins import Pins

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
    hash decides meanwhile. One that is disabled or gone loses them to whoever is drawn. Without Redis, or if
    it is slow, the hash decides and the manifest says so.
    """
    if choice.arm is None or request.variant:
        # A jury has nobody to hold, and a caller who names a variant means it.
        return choice
    drawn, unit = choice.arm.variant, unit_hash(request.entity_id, sticky.key)
    holds = pins.remembered(plan.uid, unit)
    try:
        if not holds:
            holds = await pins.hold(plan.partition, plan.uid, unit, drawn, sticky.pin_seconds)
        arm = plan.by_variant.get(holds)
        if arm is None or not arm.enabled:
            holds = await pins.hold(plan.partition, plan.uid, unit, drawn, sticky.pin_seconds, holds)
            arm = plan.by_variant.get(holds)
    except StateUnavailable:
        warning = Manifest(warnings=[UNHELD]).SerializeToString()
        return choice._replace(sheet=choice.sheet._replace(manifest=choice.sheet.manifest + warning))
    if holds == drawn or arm is None or choice.route.wheel.allocation[arm.place] <= 0:
        return choice
    said = sticky.said + Decision(unit_hash=unit, displaced=drawn).SerializeToString()
    sheet = choice.route.sheet(arm.place)
    return choice._replace(arm=arm, sheet=sheet._replace(decision=sheet.decision + said))
