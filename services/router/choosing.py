"""Who answers: the caller's pin, or a draw from the plan's allocation."""

import random
from typing import NamedTuple

from services.foundation.errors import FailedPrecondition, NotFound
from services.router.frames import Sheet
from services.router.plan import Arm, RoutingPlan


class UnknownVariant(NotFound):
    """The caller pins a variant that the router does not have."""

    reason = "VARIANT_NOT_FOUND"


class NotPinnable(FailedPrecondition):
    """The caller pins a variant that may not answer now."""

    reason = "WRONG_STATE"


class Choice(NamedTuple):
    """The variant, the event as far as it is known, and the draw u in [0, 1)."""

    arm: Arm
    sheet: Sheet
    u: float


def choose(plan: RoutingPlan, pin: str, rng: random.Random) -> Choice:
    """Decide. Raises UnknownVariant or NotPinnable for a pin that cannot be honoured."""
    if pin:
        arm = pinned(plan, pin)
        return Choice(arm, arm.pinned, 0.0)
    u = plan.wheel.midpoint(plan.counter.advance()) if plan.counter is not None else rng.random()
    return at(plan, u)


def at(plan: RoutingPlan, u: float) -> Choice:
    """The decision that a draw leads to: how a manifest is replayed."""
    arm = plan.arms[plan.wheel.pick(u)]
    return Choice(arm, arm.drawn, u)


def pinned(plan: RoutingPlan, variant: str) -> Arm:
    """The arm of an id. Raises UnknownVariant, or NotPinnable if it is disabled."""
    arm = plan.by_variant.get(variant)
    if arm is None:
        known = ", ".join(sorted(plan.by_variant))
        said = f"{plan.name} has no variant {variant[:100]!r}; it has {known}"
        raise UnknownVariant(said, fields=[("variant", f"one of {known}")], router=plan.name)
    if not arm.enabled:
        said = f"variant {variant} of {plan.name} is disabled"
        raise NotPinnable(said, fields=[("variant", "an enabled variant")], router=plan.name)
    return arm
