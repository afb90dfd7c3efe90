"""ModelService: the registry of models."""

from turnout.router.v1 import model_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.call import Call
from services.foundation.errors import FailedPrecondition
from services.models.answer import Failure
from services.models.handle import probe
from services.models.pool import ModelPool
from services.models.registration import compile_model
from services.router.config.problems import Problems
from services.router.config.resources import fresh
from services.state.config_reader import ConfigReader
from services.state.configs import ConfigStore
from services.state.names import resource_name
from services.state.once import once

LONGEST_NAME = 256
MOST_ENDPOINTS = 64


class ModelInUse(FailedPrecondition):
    """A router still names the model."""

    reason = "MODEL_IN_USE"


class ModelService:
    """Registers what is compiled without complaint; calls a model only when it is asked to probe it."""

    SERVICE = "turnout.router.v1.ModelService"

    def __init__(self, models: ConfigStore[Model], routers: ConfigReader[Router], pool: ModelPool) -> None:
        self._models = models
        self._routers = routers
        self._pool = pool

    async def RegisterModel(self, request: rpc.RegisterModelRequest, call: Call) -> rpc.RegisterModelResponse:
        """Check what a call would need, then store."""
        model = fresh(request.model, "models", request.model_id, "model_id")
        _check(model)
        compile_model(model)
        asked = once("RegisterModel", request, call.caller.name)
        written = await self._models.create(model, asked, validate_only=request.validate_only)
        return rpc.RegisterModelResponse(model=written.message)

    async def GetModel(self, request: rpc.GetModelRequest, call: Call) -> rpc.GetModelResponse:
        """Read by name."""
        return rpc.GetModelResponse(model=await self._models.read(_name(request.name)))

    async def ListModels(self, request: rpc.ListModelsRequest, call: Call) -> rpc.ListModelsResponse:
        """A page by name."""
        page = await self._models.list(request.page_size, request.page_token)
        return rpc.ListModelsResponse(models=page.items, next_page_token=page.next_page_token)

    async def DeleteModel(self, request: rpc.DeleteModelRequest, call: Call) -> rpc.DeleteModelResponse:
        """Forget it, unless a router names it."""
        name, asked = _name(request.name), once("DeleteModel", request, call.caller.name)
        if done := await self._models.repeated(asked):
            return rpc.DeleteModelResponse(model=done)
        users = await self._users(name)
        if users:
            said = f"{name} is used by {', '.join(users)}; delete or change them first"
            raise ModelInUse(said, model=name, routers=", ".join(users))
        written = await self._models.delete(name, etag=request.etag, once=asked)
        return rpc.DeleteModelResponse(model=written.message)

    async def ProbeModel(self, request: rpc.ProbeModelRequest, call: Call) -> rpc.ProbeModelResponse:
        """Ask it once."""
        handle = self._pool.open(await self._models.read(_name(request.name)))
        seen = await probe(handle, call.remaining())
        reply = rpc.ProbeModelResponse(ready=seen.ready, message=seen.message)
        reply.latency.FromNanoseconds(int(seen.latency * 1e9))
        for told, tensors in ((reply.inputs, seen.inputs), (reply.outputs, seen.outputs)):
            for tensor in tensors:
                told.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        if request.HasField("input"):
            result = await handle.call(handle.prepare(request.input), call.remaining(), call)
            if isinstance(result, Failure):
                raise result.error
            reply.output.CopyFrom(result.output)
        return reply

    async def _users(self, name: str) -> list[str]:
        """The first few routers that name the model."""
        page = await self._routers.list(
            5, filters=name, keep=lambda router: any(one.model == name for one in router.variants)
        )
        return [router.name for router in page.items]


def _check(model: Model) -> None:
    """What is ours to say of a registration, before the protocol has its say."""
    problems = Problems()
    if len(model.display_name) > LONGEST_NAME:
        problems.add(
            "model.display_name", f"at most {LONGEST_NAME} characters, got {len(model.display_name)}"
        )
    if len(model.endpoints) > MOST_ENDPOINTS:
        problems.add("model.endpoints", f"at most {MOST_ENDPOINTS}, got {len(model.endpoints)}")
    seen: set[str] = set()
    for place, endpoint in enumerate(model.endpoints):
        if endpoint.address in seen:
            problems.add(f"model.endpoints[{place}].address", f"{endpoint.address[:100]} is named twice")
        seen.add(endpoint.address)
        port = endpoint.address.rstrip("/").rpartition(":")[2]
        if port.isdigit() and not 1 <= int(port) <= 65535:
            problems.add(f"model.endpoints[{place}].address", f"a port is 1 to 65535, got {port[:20]}")
    if model.aliases:
        problems.lacks("model.aliases", "not available in this version")
    if model.HasField("permissions"):
        problems.lacks("model.permissions", "not available in this version")
    problems.settle()


def _name(given: str) -> str:
    return resource_name("models", given, "name")
