"""The instances of a model, and which of them is asked next."""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from services.foundation.telemetry import Attribute


class TensorInfo(NamedTuple):
    """A tensor as a server describes it; -1 in the shape where it varies."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class Probe(NamedTuple):
    """What an instance says of itself. `message` tells why it is not ready; `latency` is in seconds."""

    ready: bool
    message: str = ""
    latency: float = 0.0
    inputs: tuple[TensorInfo, ...] = ()
    outputs: tuple[TensorInfo, ...] = ()


Attributes: TypeAlias = Mapping[str, Attribute]

# (body, timeout in seconds, traceparent) -> the reply's bytes; raises CallFailed.
Send = Callable[[bytes, float, str], Awaitable[bytes]]
# (timeout in seconds) -> what the instance says; raises CallFailed.
Ask = Callable[[float], Awaitable[Probe]]


class Stream(Protocol):
    """An answer that comes in pieces. `whole` is what `send` would have returned, once `next` returned
    None."""

    @property
    def whole(self) -> bytes: ...

    async def next(self, seconds: float) -> str | None:
        """The text that comes next; None at the end. Raises CallFailed."""

    def close(self) -> None:
        """End the call."""


class Line(NamedTuple):
    """An open line to one instance; `stream` (body, traceparent) where its protocol answers in pieces."""

    send: Send
    probe: Ask
    stream: Callable[[bytes, str], Stream] | None = None


@dataclass(slots=True, eq=False)
class Endpoint:
    """One instance: its share of calls relative to the others, and the calls it is busy with."""

    address: str
    weight: float
    line: Line
    span_attributes: Attributes
    in_flight: int = 0


def least_loaded(endpoints: Sequence[Endpoint], rng: random.Random) -> Endpoint:
    """The instance with the fewest calls in flight for its weight; ties are drawn by weight.

    Always taking the first of equals would send all of a light load to one instance.
    """
    if len(endpoints) == 1:
        return endpoints[0]
    loads = [endpoint.in_flight / endpoint.weight for endpoint in endpoints]
    least = min(loads)
    tied = [endpoint for endpoint, load in zip(endpoints, loads, strict=True) if load == least]
    return rng.choices(tied, [endpoint.weight for endpoint in tied])[0] if len(tied) > 1 else tied[0]


def others(endpoints: Sequence[Endpoint], avoided: str) -> Sequence[Endpoint]:
    """The instances but the one at an address; all of them where there is no other."""
    return [endpoint for endpoint in endpoints if endpoint.address != avoided] or endpoints
