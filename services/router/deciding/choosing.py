"""Who answers: the caller's pin, or a draw from the route that the rules lead to."""

import random
from collections.abc import Callable
from typing import NamedTuple, Protocol

from turnout.inference.v1.manifest_pb2 import Decision

from services.foundation.errors import FailedPrecondition, NotFound
from services.models.framing import text
from services.router.conditions.policies import Match
from services.router.conditions.requests import RequestView
from services.router.deciding import segments
from services.router.deciding.plan import Arm, Jury, Route, RoutingPlan
from services.router.deciding.rendezvous import pick, unit_hash
from services.router.deciding.rulings import IDLE
from services.router.deciding.segments import Headers
from services.router.execution.frames import Sheet

_UNIT = Decision.UNIT_HASH_FIELD_NUMBER
UNRULED = Match(None)
# Of two hundred policies all may lead to nobody; a sentence need not name them all.
MOST_TOLD = 5


class UnknownVariant(NotFound):
    """The caller pins a variant that the router does not have."""

    reason = "VARIANT_NOT_FOUND"


class NotPinnable(FailedPrecondition):
    """The caller pins a variant that may not answer now."""

    reason = "WRONG_STATE"


class Asking(segments.Asking, Protocol):
    """What a decision reads of a request; PredictRequest and ExplainRequest have it."""

    @property
    def variant(self) -> str: ...


class Choice(NamedTuple):
    """The variant, None where a jury is asked; the route that it was drawn from; the event as far as it is
    known; the draw u in [0, 1), 0 where nothing was drawn from the generator; and when, in nanoseconds since
    1970: the clock that conditions saw."""

    arm: Arm | None
    route: Route
    sheet: Sheet
    u: float
    now: int

    @property
    def panel(self) -> Jury:
        """The jury that is asked where nobody was drawn."""
        assert self.route.jury is not None  # noqa: S101 - a route draws somebody or has a jury
        return self.route.jury

    def ruled(self, match: Match) -> "Choice":
        """The same, naming rules that could not be evaluated, and those that were passed over."""
        if not (match.errors or match.passed):
            return self
        said = Decision(rule_errors=match.errors)
        if match.passed:
            told = "; ".join(
                f"{name} holds and is passed over, as {IDLE}" for name in match.passed[:MOST_TOLD]
            )
            said.explanation = f"{Decision.FromString(self.sheet.decision).explanation}; {told}"
        decision = self.sheet.decision + said.SerializeToString()
        return self._replace(sheet=self.sheet._replace(decision=decision))


class Dice(Protocol):
    """Chance and time, and where rules are counted that could not be evaluated, or lead to nobody."""

    @property
    def rng(self) -> random.Random: ...
    @property
    def clock(self) -> Callable[[], int]: ...
    def misruled(self, router: str, rule: str) -> None: ...
    def passed_over(self, router: str, rule: str) -> None: ...


def choose(plan: RoutingPlan, request: Asking, call: Headers, use: Dice) -> Choice:
    """Decide: the caller's pin goes before rules, and rules before the strategy. Never waits.

    Raises UnknownVariant or NotPinnable for a pin that cannot be honoured.
    """
    now = use.clock()
    if request.variant:
        arm = pinned(plan, request.variant)
        return Choice(arm, plan.pinned, plan.pinned.sheet(arm.place), 0.0, now)
    if plan.ruling is None:
        return drawn(plan, plan.route, request, use.rng, now)
    route, match = route_of(plan, request, call, now)
    for rule in match.errors:
        use.misruled(plan.name, rule)
    for rule in match.passed:
        use.passed_over(plan.name, rule)
    return drawn(plan, route, request, use.rng, now).ruled(match)


def route_of(plan: RoutingPlan, request: Asking, call: Headers, now: int) -> tuple[Route, Match]:
    """The route that the rules choose for a request, and what they said."""
    ruling = plan.ruling
    if ruling is None:
        return plan.route, UNRULED
    names = ruling.schema.headers
    headers = {name: value for name in names if (value := call.header(name)) is not None}
    view = RequestView(
        ruling.schema,
        request.input,
        request.attributes,
        request.entity_id,
        now / 1e9,
        headers=headers,
        metrics=ruling.metrics,
        drift=ruling.drift,
        boolean=ruling.numeric,
    )
    match = ruling.rules.first(view)
    if match.rule is None:
        return plan.route, match
    return ruling.routes[match.rule.action] or plan.route, match


def drawn(
    plan: RoutingPlan, route: Route, request: Asking, rng: random.Random, now: int, u: float | None = None
) -> Choice:
    """Draw from a route: by the entity where it is sticky, by turns, or by u, from the generator unless it is
    given."""
    if route.live is not None:
        route = route.live.at(request.input, now)
    if route.jury is not None:
        return Choice(None, route, route.jury.sheet, 0.0, now)
    if plan.sticky is not None and request.entity_id:
        return _stuck(plan, route, request.entity_id, now)
    if u is None:
        counter = route.counter
        u = rng.random() if counter is None else route.wheel.midpoint(counter.advance())
    place = route.wheel.pick(u)
    return Choice(plan.arms[place], route, route.sheet(place), u, now)


def _stuck(plan: RoutingPlan, route: Route, entity_id: str, now: int) -> Choice:
    sticky = plan.sticky
    assert sticky is not None  # noqa: S101 - who calls has looked
    unit = unit_hash(entity_id, sticky.key)
    place = pick(unit, sticky.variants, route.wheel.allocation)
    sheet = route.sheet(place)
    told = Sheet(sheet.event, sheet.manifest, sheet.decision + sticky.said + text(_UNIT, unit))
    return Choice(plan.arms[place], route, told, 0.0, now)


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
