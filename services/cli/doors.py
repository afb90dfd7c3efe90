"""The doors of a running suite: each gRPC service, and the process that it lives in."""

import importlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from google.protobuf.message import Message

from services.foundation.client import Client

# A command is somebody who waits: long enough for a slow disk, short enough to be told.
SECONDS = 30.0


class Door(NamedTuple):
    """A gRPC service: the process that has it, its name, and the module that describes it."""

    process: str
    service: str
    module: str


DOORS: Mapping[str, Door] = {
    "models": Door("router", "turnout.router.v1.ModelService", "turnout.router.v1.model_service_pb2"),
    "routers": Door("router", "turnout.router.v1.RouterService", "turnout.router.v1.router_service_pb2"),
    "inference": Door(
        "router", "turnout.router.v1.InferenceService", "turnout.router.v1.inference_service_pb2"
    ),
    "ensembles": Door(
        "router", "turnout.router.v1.EnsembleService", "turnout.router.v1.ensemble_service_pb2"
    ),
    "access": Door("router", "turnout.router.v1.AccessService", "turnout.router.v1.access_service_pb2"),
    "aggregator": Door(
        "aggregator",
        "turnout.aggregator.v1.AggregatorService",
        "turnout.aggregator.v1.aggregator_service_pb2",
    ),
    "feedback": Door(
        "feedback", "turnout.feedback.v1.FeedbackService", "turnout.feedback.v1.feedback_service_pb2"
    ),
    "drift": Door("drift", "turnout.drift.v1.DriftService", "turnout.drift.v1.drift_service_pb2"),
}


@dataclass(frozen=True)
class Suite:
    """One service of a running suite: calls its methods by name."""

    client: Client
    service: str
    headers: tuple[tuple[str, str], ...] = ()

    async def ask(self, method: str, request: Message, seconds: float = SECONDS) -> Any:
        """The reply of a method. Raises RemoteError."""
        return await self.client.unary(self.service, method)(request, timeout=seconds, metadata=self.headers)

    async def send(self, method: str, requests: AsyncIterator[Message], seconds: float) -> Any:
        """The reply of a method that takes a stream. Raises RemoteError."""
        return await self.client.upload(self.service, method)(
            requests, timeout=seconds, metadata=self.headers
        )

    def follow(self, method: str, request: Message, seconds: float) -> AsyncIterator[Any]:
        """The replies of a method that answers with a stream. Raises RemoteError."""
        return self.client.stream(self.service, method)(request, timeout=seconds, metadata=self.headers)

    async def listed(
        self, method: str, field: str, request: Any, most: int = 1_000_000, page: int = 200
    ) -> list[Any]:
        """At most so many of what a method lists by pages under `field`. The request is one page's and is
        changed. Raises RemoteError."""
        found: list[Any] = []
        while len(found) < most:
            request.page_size = min(page, most - len(found))
            reply = await self.ask(method, request)
            found += getattr(reply, field)
            if not reply.next_page_token:
                break
            request.page_token = reply.next_page_token
        return found[:most]


def described(name: str) -> Door:
    """A door whose methods can be called from now on: what describes them is loaded."""
    # Only then: all the descriptors together would cost each command a third of a second.
    importlib.import_module(DOORS[name].module)
    return DOORS[name]
