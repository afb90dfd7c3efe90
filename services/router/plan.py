"""A router's configuration, compiled: everything about a prediction that does not depend on the request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from turnout.aggregator.v1.aggregator_service_pb2 import Plan
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.inference.v1.manifest_pb2 import DrawSource

from services.foundation.call import Call
from services.models.handle import ModelHandle
from services.router.columns import Columns
from services.router.draw import Counter, Wheel
from services.router.frames import Sheet
from services.router.health.probe import Probe

# Left of the deadline for accounting and the reply once the models have answered, in seconds.
REPLY_RESERVE = 0.005


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant of a plan, with the event as far as it is known before a request comes, as `drawn` by the
    strategy and as `pinned` by a caller, and the serialized Participant of its first attempt, its `seat`. A
    call of an arm with a `probe` is the probe of an ejected model."""

    variant: str
    model: str
    handle: ModelHandle
    enabled: bool
    drawn: Sheet
    pinned: Sheet
    seat: bytes
    probe: Probe | None = None


@dataclass(frozen=True, slots=True)
class Jury:
    """What the aggregator is asked, and the event as far as it is known."""

    plan: Plan
    sheet: Sheet
    models: tuple[str, ...]
    # Rows and columns of an input, as its first member's signature reads them.
    reads: Callable[[Input], tuple[int, TabularInput | None]]
    probe: Probe | None = None


class Probing(NamedTuple):
    """What serves instead while `probe` is free: the same plan with the model of the probe in service."""

    probe: Probe
    plan: "RoutingPlan"


@dataclass(frozen=True, slots=True)
class RoutingPlan:
    """An immutable snapshot of one router: pinned for the whole of a request."""

    name: str
    uid: str
    partition: int
    generation: int
    strategy: str
    arms: Sequence[Arm]
    wheel: Wheel
    draw: DrawSource
    counter: Counter | None
    jury: Jury | None
    deadline: float
    synchronous: bool
    by_variant: Mapping[str, Arm] = field(default_factory=dict)
    columns: Columns = field(default_factory=Columns)
    probing: Probing | None = None

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
