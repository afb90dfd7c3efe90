"""A router's configuration, compiled: everything about a prediction that does not depend on the request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from turnout.aggregator.v1.aggregator_service_pb2 import Plan
from turnout.inference.v1.input_pb2 import Input, TabularInput

from services.foundation.call import Call
from services.models.handle import ModelHandle
from services.models.registration import Price
from services.router.conditions import Rules, Schema
from services.router.conditions.view import Measures
from services.router.deciding.columns import Columns
from services.router.deciding.draw import Counter, Wheel
from services.router.deciding.segments import Segments
from services.router.execution.carrying import Carrying
from services.router.execution.frames import Sheet
from services.router.execution.redacting import Redactor
from services.router.health.probe import Probe

# Left of the deadline for accounting and the reply once the models have answered, in seconds.
REPLY_RESERVE = 0.005


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant of a plan, and the serialized Participant of its first attempt, its `seat`. A call of an
    arm with a `probe` is the probe of an ejected model."""

    place: int
    variant: str
    model: str
    handle: ModelHandle
    enabled: bool
    seat: bytes
    probe: Probe | None = None


@dataclass(frozen=True, slots=True)
class Jury:
    """What the aggregator is asked, and the event as far as it is known. prices: of all members by variant;
    left_out: serialized Participants of those that are not asked, for their health."""

    plan: Plan
    sheet: Sheet
    models: tuple[str, ...]
    # Rows and columns of an input, as its first member's signature reads them.
    reads: Callable[[Input], tuple[int, TabularInput | None]]
    probe: Probe | None = None
    prices: Sequence[tuple[str, Price]] = ()
    left_out: tuple[bytes, ...] = ()


class Live(Protocol):
    """A route whose shares depend on the moment or on the request."""

    def at(self, asked: Input, now: int) -> "Route":
        """The route of a request that comes at `now`, nanoseconds since 1970."""


class Route:
    """Some of a router's variants and a way to choose among them, made ready.

    wheel: their allocation; empty where a jury is asked. counter: of those who take turns. jury: who is asked
    instead of anybody. live: what makes the route of a request, where this one is only its model. A sheet is
    made when its variant is first drawn: most of many routes are never asked. able: whom an entity may hold
    although its share of the moment is 0; None where whoever has a share may be.
    """

    __slots__ = ("_say", "_sheets", "able", "counter", "jury", "live", "policy", "strategy", "wheel")

    def __init__(
        self,
        strategy: str,
        wheel: Wheel,
        say: Callable[[int], Sheet],
        *,
        policy: str = "",
        counter: Counter | None = None,
        jury: Jury | None = None,
        live: Live | None = None,
        able: Sequence[bool] | None = None,
    ) -> None:
        self.strategy, self.policy, self.able = strategy, policy, able
        self.wheel, self.counter = wheel, counter
        self.jury, self.live = jury, live
        self._say = say
        self._sheets: dict[int, Sheet] = {}

    def may_hold(self, place: int) -> bool:
        """Whether an entity may hold the variant at `place`, and could as well have got another one."""
        able = [share > 0 for share in self.wheel.allocation] if self.able is None else self.able
        return able[place] and sum(able) > 1

    def sheet(self, place: int) -> Sheet:
        """The event as far as it is known once the variant at `place` is chosen."""
        found = self._sheets.get(place)
        if found is None:
            found = self._sheets[place] = self._say(place)
        return found


class Sticky(NamedTuple):
    """How an entity stays with its variant: the salt as a key and as decisions say it, the variants ready to
    be hashed, and for how many seconds their pins last, 0 where there are none."""

    said: bytes
    key: bytes
    variants: Sequence[bytes]
    pin_seconds: float = 0.0


class Ruling(NamedTuple):
    """The rules that choose a route before the default one: `routes` by a rule's action. What conditions may
    read beside the request: a schema, numeric columns, and what was known of models when it was compiled."""

    rules: Rules
    routes: Sequence[Route | None]
    schema: Schema
    numeric: frozenset[str]
    metrics: Callable[[str], Measures | None]
    drift: Callable[[str], str | None]


class Probing(NamedTuple):
    """What serves instead while `probe` is free: the same plan with the model of the probe in service."""

    probe: Probe
    plan: "RoutingPlan"


@dataclass(frozen=True, slots=True)
class RoutingPlan:
    """An immutable snapshot of one router: pinned for the whole of a request.

    route: where requests go that no rule sends elsewhere. pinned: of an arm that the caller asks for.
    remarks: what a reader of explanations should know.
    """

    name: str
    uid: str
    partition: int
    generation: int
    strategy: str
    arms: Sequence[Arm]
    route: Route
    pinned: Route
    ruling: Ruling | None
    sticky: Sticky | None
    deadline: float
    synchronous: bool
    by_variant: Mapping[str, Arm] = field(default_factory=dict)
    columns: Columns = field(default_factory=Columns)
    probing: Probing | None = None
    remarks: Sequence[str] = ()
    carrying: Carrying | None = None
    segments: Segments | None = None
    redactor: Redactor | None = None

    def current(self) -> "RoutingPlan":
        """The plan of a request that comes now. Whoever draws an arm with a probe takes it before awaiting
        anything."""
        if self.probing is not None and self.probing.probe.free:
            return self.probing.plan
        return self

    def budget(self, call: Call) -> float:
        """Seconds that the models have: what is left to the caller, or the router's default where the caller
        set no deadline, less a reserve for the reply."""
        left = call.remaining()
        return (min(left, self.deadline) if call.imposed else left) - REPLY_RESERVE
