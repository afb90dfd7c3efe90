"""What is known of a suite at a moment: gathered once, and only looked at by the checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import Replica


@dataclass(frozen=True)
class Certificate:
    """What a server showed at its handshake. Times in seconds since 1970; `trouble` is why who asks does not
    trust it, empty where he does or nothing says whom he trusts; `wants_ours` is whether it hung up on who
    showed none himself."""

    names: Sequence[str]
    begins: float
    ends: float
    trouble: str = ""
    wants_ours: bool = False


@dataclass(frozen=True)
class Service:
    """One service, or the gateway, as it answers. `status` as grpc.health.v1 says it, empty where nobody
    answered: then `trouble` says why."""

    name: str
    address: str
    status: str = ""
    trouble: str = ""
    milliseconds: float = 0.0
    certificate: Certificate | None = None


class Sample(NamedTuple):
    """A number of a metrics page."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Page:
    """A metrics page: a process of a service. `ahead` is by how many seconds its clock is before ours, to
    the second; None where nobody answered."""

    service: str
    url: str
    samples: Sequence[Sample] = ()
    ahead: float | None = None
    trouble: str = ""


@dataclass(frozen=True)
class Redis:
    """What Redis says of itself. `config` is None where it will not say."""

    place: str
    trouble: str = ""
    milliseconds: float = 0.0
    """The quickest of some round trips: a busy machine delays the others."""
    info: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, str] | None = None
    ahead: float = 0.0
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    """Entries that nobody could apply, by stream: events, truth, webhooks."""


@dataclass(frozen=True)
class Caller:
    """Who asks, as the router knows him."""

    user: str = ""
    admin: bool = False
    method: str = ""


@dataclass(frozen=True)
class Fleet:
    """What the router says: routers, their models (those that are asked), and its replicas."""

    routers: Sequence[Router] = ()
    models: Sequence[Model] = ()
    replicas: Sequence[Replica] = ()
    unreachable: Mapping[str, str] = field(default_factory=dict)
    """Models that do not answer, and why."""
    unwatched: Sequence[str] = ()
    """Models without a baseline."""


@dataclass(frozen=True)
class Facts:
    """Everything that the checks look at. `redis` is None where nobody says where it is, `pages` empty where
    nobody says where they are; `untold` says what could not be learnt, and why."""

    now: float
    services: Sequence[Service] = ()
    pages: Sequence[Page] = ()
    redis: Redis | None = None
    caller: Caller | None = None
    fleet: Fleet = Fleet()
    untold: Sequence[str] = ()
