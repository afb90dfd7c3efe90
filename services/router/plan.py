"""A router's configuration, compiled: everything about a prediction that does not depend on the request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from turnout.aggregator.v1.aggregator_service_pb2 import Plan
from turnout.inference.v1.manifest_pb2 import DrawSource, Manifest

from services.router.draw import Counter, Wheel


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant of a plan, with the manifest as far as it is known before a request comes: as `drawn` by
    the strategy, and as `pinned` by a caller."""

    variant: str
    model: str
    handle: Any
    enabled: bool
    drawn: Manifest
    pinned: Manifest


@dataclass(frozen=True, slots=True)
class Jury:
    """What the aggregator is asked, and the manifest as far as it is known."""

    plan: Plan
    template: Manifest
    models: tuple[str, ...]


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
