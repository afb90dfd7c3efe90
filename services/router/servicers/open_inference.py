"""inference.GRPCInferenceService: routers, to those who speak the Open Inference Protocol."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import NoReturn

from inference import open_inference_pb2 as wire
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.foundation.errors import TurnoutError, Unimplemented
from services.foundation.items import ItemCall
from services.foundation.metrics import Metrics
from services.foundation.rules import Role, Rule
from services.foundation.surprises import surprise
from services.router.deciding.plan import RoutingPlan
from services.router.doors.descriptions import Descriptions
from services.router.doors.listing import Listing
from services.router.doors.questions import as_asked, question_of
from services.router.doors.replies import reply_of
from services.router.doors.streaming import Stream
from services.router.execution.exchange import Exchanges
from services.router.execution.ledger import Ledger
from services.router.failures import RouterNotRunning
from services.router.serving.snapshot import Snapshot
from services.state.permissions import CatalogPermissions

PREDICTION_TRAILER = "turnout-prediction-id"
# Seldon and MLServer stream bare replies where Triton wraps them; their clients say so by this header.
STREAM_HEADER, BARE = "x-turnout-stream", "bare"

Ask = Callable[[PredictRequest, Call], Awaitable[tuple[RoutingPlan, Ledger]]]

_STREAM = "inference.GRPCInferenceService/ModelStreamInfer"


class OpenInferenceService:
    """`ask` decides, calls and accounts for a prediction as `Predict` does; `model_name` is a router's id.

    What it takes and gives is told in docs/open-inference.md.
    """

    SERVICE = "inference.GRPCInferenceService"
    # Their contract is not ours to annotate.
    ACCESS: Mapping[str, Rule] = MappingProxyType(
        {
            "ServerLive": Rule(Role.ANYONE),
            "ServerReady": Rule(Role.ANYONE),
            "ServerMetadata": Rule(Role.ANYONE),
            "ModelReady": Rule(Role.VIEWER, "name"),
            "ModelMetadata": Rule(Role.VIEWER, "name"),
            "ModelInfer": Rule(Role.PREDICTOR, "model_name"),
            # Each message names its own router.
            "ModelStreamInfer": Rule(Role.CALLER),
            "RepositoryIndex": Rule(Role.CALLER),
            "RepositoryModelLoad": Rule(Role.CALLER),
            "RepositoryModelUnload": Rule(Role.CALLER),
            "ModelConfig": Rule(Role.VIEWER, "name"),
            "ModelStatistics": Rule(Role.VIEWER, "name"),
        }
    )

    def __init__(
        self,
        snapshot: Snapshot,
        ask: Ask,
        permissions: CatalogPermissions,
        descriptions: Descriptions,
        listing: Listing,
        ready: Callable[[], bool],
        metrics: Metrics,
        message_bytes: int,
    ) -> None:
        """`ready` tells whether this process takes calls; `message_bytes`: what a reply may have."""
        self._snapshot = snapshot
        self._ask = ask
        self._permissions = permissions
        self._descriptions = descriptions
        self._listing = listing
        self._ready = ready
        self._metrics = metrics
        self._message_bytes = message_bytes
        self._exchanges = Exchanges()

    async def ServerLive(self, request: wire.ServerLiveRequest, call: Call) -> wire.ServerLiveResponse:
        """Who can ask gets a yes."""
        return wire.ServerLiveResponse(live=True)

    async def ServerReady(self, request: wire.ServerReadyRequest, call: Call) -> wire.ServerReadyResponse:
        """No longer once the process drains."""
        return wire.ServerReadyResponse(ready=self._ready())

    async def ServerMetadata(
        self, request: wire.ServerMetadataRequest, call: Call
    ) -> wire.ServerMetadataResponse:
        """Turnout, its version, and which extensions of the protocol it has."""
        return self._descriptions.server()

    async def ModelReady(self, request: wire.ModelReadyRequest, call: Call) -> wire.ModelReadyResponse:
        """Whether this process serves the router."""
        try:
            self._serving(request.name)
        except RouterNotRunning:
            return wire.ModelReadyResponse(ready=False)
        return wire.ModelReadyResponse(ready=True)

    async def ModelMetadata(
        self, request: wire.ModelMetadataRequest, call: Call
    ) -> wire.ModelMetadataResponse:
        """What a router that serves takes and gives."""
        plan = self._serving(request.name)
        return await self._descriptions.router(plan, call.remaining())

    async def ModelInfer(self, request: wire.ModelInferRequest, call: Call) -> bytes:
        """One prediction: a serialized ModelInferResponse."""
        try:
            question = question_of(request, call)
            plan, ledger = await self._ask(question.request, question.call)
            return reply_of(question, plan.generation, ledger)
        except TurnoutError as error:
            if prediction_id := error.facts.get("prediction_id"):
                call.trailer(PREDICTION_TRAILER, prediction_id)
            raise as_asked(error) from None

    async def ModelStreamInfer(
        self, requests: AsyncIterator[wire.ModelInferRequest], call: Call
    ) -> AsyncIterator[bytes]:
        """Predictions, answered in the order of their questions. One that fails says so in the stream, as
        Triton has it; bare replies, where they are asked for, have no place to say it: it ends the stream."""

        async def infer(request: wire.ModelInferRequest) -> bytes:
            name = request.model_name
            self._permissions.require(call.caller, Role.PREDICTOR, "routers", name, "model_name")
            try:
                # What one inference says of itself must not gather on the stream's own call.
                return await self.ModelInfer(request, ItemCall(call, _STREAM, self._metrics))
            except TurnoutError:
                raise
            except Exception as failure:
                raise surprise(failure, _STREAM, self._metrics) from failure

        stream = Stream(infer, self._message_bytes, bare=call.header(STREAM_HEADER) == BARE)
        async with aclosing(stream.run(requests, self._exchanges)) as replies:
            async for reply in replies:
                yield reply

    def end_streams(self) -> None:
        """Read nothing more from streams of questions: the process is to end."""
        self._exchanges.end()

    def _serving(self, router: str) -> RoutingPlan:
        try:
            return self._snapshot.serving(router)
        except TurnoutError as error:
            raise as_asked(error, "name") from None

    async def RepositoryIndex(
        self, request: wire.RepositoryIndexRequest, call: Call
    ) -> wire.RepositoryIndexResponse:
        """The routers that the caller may see, by id, and whether this process serves them."""
        return self._listing.index(call.caller, ready=request.ready)

    async def RepositoryModelLoad(
        self, request: wire.RepositoryModelLoadRequest, call: Call
    ) -> wire.RepositoryModelLoadResponse:
        """Not here."""
        _elsewhere(
            "RepositoryModelLoad", "routers are deployed by turnout.router.v1.RouterService/DeployRouter"
        )

    async def RepositoryModelUnload(
        self, request: wire.RepositoryModelUnloadRequest, call: Call
    ) -> wire.RepositoryModelUnloadResponse:
        """Not here."""
        _elsewhere(
            "RepositoryModelUnload", "routers are stopped by turnout.router.v1.RouterService/StopRouter"
        )

    async def ModelConfig(self, request: wire.ModelConfigRequest, call: Call) -> wire.ModelConfigResponse:
        """Not here."""
        _elsewhere(
            "ModelConfig",
            "a router has no Triton configuration; turnout.router.v1.RouterService/GetRouter has its own",
        )

    async def ModelStatistics(
        self, request: wire.ModelStatisticsRequest, call: Call
    ) -> wire.ModelStatisticsResponse:
        """Not here."""
        _elsewhere("ModelStatistics", "turnout.router.v1.RouterService/GetMetrics has a router's statistics")


def _elsewhere(method: str, where: str) -> NoReturn:
    name = f"{OpenInferenceService.SERVICE}/{method}"
    raise Unimplemented(f"{name}: {where}", method=name)
