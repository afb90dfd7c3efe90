"""An Open Inference Protocol server for one model, on grpc.aio."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from inference import open_inference_pb2 as wire

from examples.fleet.classifier import BadRequest
from examples.fleet.faults import Faults

SERVICE = "inference.GRPCInferenceService"
MESSAGE_BYTES = 16 * 1024 * 1024

Context = grpc.aio.ServicerContext[Any, Any]


class ServedModel(Protocol):
    """A model that can be served. `infer` raises BadRequest for tensors that it cannot read."""

    name: str

    def metadata(self) -> wire.ModelMetadataResponse: ...
    async def infer(self, request: wire.ModelInferRequest) -> wire.ModelInferResponse: ...


class ModelServer:
    """One model on one port. `calls`, `cancelled` and `in_flight` count ModelInfer calls; `metadata_seen` is
    what the last one carried."""

    def __init__(self, model: ServedModel, faults: Faults) -> None:
        self.model = model
        self.faults = faults
        self.address = ""
        self.calls = 0
        self.cancelled = 0
        self.in_flight = 0
        self.metadata_seen: dict[str, str | bytes] = {}

    async def start(self, port: int = 0) -> None:
        """Bind to loopback and serve; `address` then says where."""
        # A second server on the same port must fail, not share its calls.
        options = [
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ]
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers((self._handlers(),))
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection([SERVICE, health.SERVICE_NAME], self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"
        await self._server.start()
        for name in ("", SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def drain(self, grace: float = 2.0) -> None:
        """Take no new calls and give those in flight `grace` seconds."""
        # Whoever watches the health sees it before connections break.
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)

    def _handlers(self) -> grpc.GenericRpcHandler:
        methods: dict[str, tuple[Callable[..., Any], type[Message]]] = {
            "ServerLive": (self._server_live, wire.ServerLiveRequest),
            "ServerReady": (self._server_ready, wire.ServerReadyRequest),
            "ModelReady": (self._model_ready, wire.ModelReadyRequest),
            "ServerMetadata": (self._server_metadata, wire.ServerMetadataRequest),
            "ModelMetadata": (self._model_metadata, wire.ModelMetadataRequest),
            "ModelInfer": (self._infer, wire.ModelInferRequest),
        }
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                name: grpc.unary_unary_rpc_method_handler(
                    serve, request.FromString, lambda reply: reply.SerializeToString()
                )
                for name, (serve, request) in methods.items()
            },
        )

    async def _server_live(self, request: Message, context: Context) -> wire.ServerLiveResponse:  # noqa: ARG002
        return wire.ServerLiveResponse(live=True)

    async def _server_ready(self, request: Message, context: Context) -> wire.ServerReadyResponse:  # noqa: ARG002
        return wire.ServerReadyResponse(ready=True)

    async def _model_ready(
        self, request: wire.ModelReadyRequest, context: Context
    ) -> wire.ModelReadyResponse:
        await self._check_name(request.name, context)
        return wire.ModelReadyResponse(ready=self.faults.mode != "fail")

    async def _server_metadata(self, request: Message, context: Context) -> wire.ServerMetadataResponse:  # noqa: ARG002
        return wire.ServerMetadataResponse(name="turnout-fleet", version="1")

    async def _model_metadata(
        self, request: wire.ModelMetadataRequest, context: Context
    ) -> wire.ModelMetadataResponse:
        await self._check_name(request.name, context)
        return self.model.metadata()

    async def _infer(self, request: wire.ModelInferRequest, context: Context) -> wire.ModelInferResponse:
        self.calls += 1
        self.in_flight += 1
        self.metadata_seen = dict(context.invocation_metadata() or ())
        try:
            await self._check_name(request.model_name, context)
            await self.faults.strike(context)
            return await self.model.infer(request)
        except BadRequest as wrong:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(wrong))
        except asyncio.CancelledError:
            # The caller gave up, or its deadline passed.
            self.cancelled += 1
            raise
        finally:
            self.in_flight -= 1

    async def _check_name(self, name: str, context: Context) -> None:
        if name != self.model.name:
            said = f"no model '{name}' here; this is '{self.model.name}'"
            await context.abort(grpc.StatusCode.NOT_FOUND, said)
