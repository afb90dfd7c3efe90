"""A decision made again from its own record: the draw, on the shares that it names."""

from collections.abc import Mapping

from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.manifest_pb2 import Decision

from services.router.deciding.draw import Wheel
from services.router.deciding.rendezvous import keyed, pick
from services.router.strategies import BY_LOAD

# Nothing was drawn: a caller asked for the variant, or everybody was asked.
UNDRAWN = frozenset({manifest.DECISION_MODE_PINNED, manifest.DECISION_MODE_ENSEMBLE})


def redraw(decision: Decision) -> list[str]:
    """What does not agree with the decision's own record; empty if it is reproduced."""
    if decision.mode in UNDRAWN or not decision.variant:
        return []
    shares = [one.probability for one in decision.candidates]
    if not any(shares):
        return ["no candidate has a share, and yet a variant was drawn"]
    drawn = decision.candidates[place_of(decision, shares)].variant
    found = []
    # Where a pin held another variant, what would have been drawn was noted.
    wanted = decision.displaced or decision.variant
    if drawn != wanted:
        found.append(f"the draw leads to {drawn}, the manifest says {wanted}")
    recorded = {one.variant: one.probability for one in decision.candidates}
    if decision.held:
        return found + _held(decision, recorded)
    if decision.propensity != recorded.get(decision.variant):
        found.append(
            f"the propensity is {decision.propensity!r}, the share of {decision.variant} is "
            f"{recorded.get(decision.variant)!r}"
        )
    return found


def _held(decision: Decision, shares: Mapping[str, float]) -> list[str]:
    """The same of a pin: the draw that its propensity is of was an earlier one, on other shares."""
    found = []
    able = {one.variant for one in decision.candidates if one.eligible and decision.strategy in BY_LOAD}
    if not shares.get(decision.variant) and decision.variant not in able:
        found.append(f"{decision.variant} is held, and has no share")
    if decision.displaced == decision.variant or decision.draw != manifest.DRAW_SOURCE_RENDEZVOUS:
        found.append("what is held was drawn by no hash of an entity")
    if not 0 < decision.propensity <= 1:
        found.append(f"the propensity is {decision.propensity!r}, and it was drawn once")
    return found


def place_of(decision: Decision, shares: list[float]) -> int:
    """The place that the recorded draw leads to, on these shares."""
    if decision.draw == manifest.DRAW_SOURCE_RENDEZVOUS:
        return pick(decision.unit_hash, keyed([one.variant for one in decision.candidates]), tuple(shares))
    return Wheel(shares).pick(decision.u)
