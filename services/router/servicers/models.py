"""ModelService: the registry of models, and the aliases that move between them."""

from collections.abc import Collection

from turnout.router.v1 import model_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.call import Call
from services.foundation.errors import FailedPrecondition, TurnoutError
from services.models.pool import ModelPool
from services.router.config.problems import InvalidConfiguration
from services.router.config.resources import fresh, naming
from services.router.managing.aliases import alias_name, callees, held, uses
from services.router.managing.asked import Asked, asked
from services.router.managing.champions import Champions, with_aliases
from services.router.managing.enrolment import Enrolment
from services.router.managing.importing import Imports, order_of
from services.router.managing.probing import probed
from services.router.registries import REGISTRIES
from services.router.registries.address import check_allowed, read_address
from services.router.registries.fetching import Fetcher, authorization
from services.router.registries.moulding import check_template
from services.state.configs import ConfigStore
from services.state.leaving import Leaving
from services.state.names import id_of, resource_name
from services.state.permissions import CatalogPermissions
from services.state.refusals import check_etag

# Share of an import's time that is kept back for writing what was read.
WRITING = 0.2


class ModelInUse(FailedPrecondition):
    """A router still names the model."""

    reason = "MODEL_IN_USE"


class ModelService:
    """Registers what is compiled without complaint; calls a model only when it is asked to probe it."""

    SERVICE = "turnout.router.v1.ModelService"

    def __init__(
        self,
        models: ConfigStore[Model],
        champions: Champions,
        permissions: CatalogPermissions,
        pool: ModelPool,
        leaving: Leaving,
        registry_hosts: Collection[str] = (),
    ) -> None:
        self._models = models
        self._champions = champions
        self._permissions = permissions
        self._enrolment = Enrolment(models, champions, permissions)
        self._imports = Imports(models, champions, permissions, self._enrolment)
        self._pool = pool
        self._leaving = leaving
        self._registry_hosts = registry_hosts

    async def RegisterModel(self, request: rpc.RegisterModelRequest, call: Call) -> rpc.RegisterModelResponse:
        """Check what a call would need, then store, then move the aliases that it asks for."""
        model = fresh(request.model, "models", request.model_id, "model_id")
        with naming(request.model, "models", "model_id"):
            made = await self._enrolment.register(model, asked(request, call))
        return rpc.RegisterModelResponse(model=made)

    async def GetModel(self, request: rpc.GetModelRequest, call: Call) -> rpc.GetModelResponse:
        """Read by name."""
        model = await self._models.read(_name(request.name))
        return rpc.GetModelResponse(model=with_aliases(model, await self._champions.table.all()))

    async def ListModels(self, request: rpc.ListModelsRequest, call: Call) -> rpc.ListModelsResponse:
        """A page by name, of those that fit every filter that is given."""
        table = await self._champions.table.all()
        alias = alias_name(request.alias, "", "alias") if request.alias else ""

        def fits(model: Model) -> bool:
            return (
                (not request.family or model.family == request.family)
                and (not request.provider or model.provider == request.provider)
                and (not alias or table.get(alias) == model.name)
            )

        visible, caller = self._permissions.visible(call.caller), call.caller
        filters = f"{request.family}\0{request.provider}\0{alias}\0{'' if caller.admin else caller.name}"
        page = await self._models.list(
            request.page_size,
            request.page_token,
            filters=filters,
            keep=lambda model: fits(model) and visible(model),
        )
        models = [with_aliases(model, table) for model in page.items]
        return rpc.ListModelsResponse(models=models, next_page_token=page.next_page_token)

    async def UpdateModel(self, request: rpc.UpdateModelRequest, call: Call) -> rpc.UpdateModelResponse:
        """Change the fields of the mask, check the whole, and say which routers' models no longer agree."""
        name = resource_name("models", request.model.name, "model.name")
        how = asked(request, call, request.model.etag)
        model, warnings = await self._enrolment.update(name, request.model, request.update_mask.paths, how)
        return rpc.UpdateModelResponse(model=model, warnings=warnings)

    async def SetAlias(self, request: rpc.SetAliasRequest, call: Call) -> rpc.SetAliasResponse:
        """Give an alias to a model; whoever had it loses it, and each router that uses it follows."""
        how, champions = asked(request, call), self._champions
        if done := await champions.table.answered(how.once):
            answer = rpc.SetAliasResponse.FromString(done)
            # The first run may have died on its way through the routers.
            await champions.follow([alias_name(request.alias, id_of(answer.model.name), "alias")], how)
            return self._shown(answer, call)
        if not request.alias:
            said = "is required: churn@champion, or champion"
            raise InvalidConfiguration(f"alias {said}", fields=[("alias", said)])
        model = await self._models.read(resource_name("models", request.model, "model"), field="model")
        move = await champions.plan(
            model, [alias_name(request.alias, id_of(model.name), "alias")], (), call.caller
        )
        answer = rpc.SetAliasResponse(model=move.outcome, routers=move.routers)
        if not request.validate_only:
            await champions.carry_out(move, how, answer.SerializeToString())
        return self._shown(answer, call)

    async def DeleteModel(self, request: rpc.DeleteModelRequest, call: Call) -> rpc.DeleteModelResponse:
        """Forget it and its aliases, unless a router names it."""
        name, how = _name(request.name), asked(request, call)
        if done := await self._models.repeated(how.once):
            return rpc.DeleteModelResponse(model=done)
        if how.validate_only:
            await self._deletable(name, call, how)
            return rpc.DeleteModelResponse(
                model=(await self._models.delete(name, validate_only=True)).message
            )
        try:
            return rpc.DeleteModelResponse(model=await self._delete(name, call, how))
        except TurnoutError:
            # Sent twice at once: this one fails over what the other has done meanwhile.
            if done := await self._models.repeated(how.once):
                return rpc.DeleteModelResponse(model=done)
            raise

    async def _delete(self, name: str, call: Call, how: Asked) -> Model:
        async with self._leaving.of(name):
            model, aliases = await self._deletable(name, call, how)
            # Aliases first: one that leads nowhere would stop the next deployment of whoever names it.
            move = await self._champions.plan(model, (), aliases, call.caller)
            await self._champions.carry_out(move, how._replace(once=None))
            etag = model.etag if how.etag else ""
            seen = await self._models.delete(name, etag=etag, once=how.once, by=how.by)
        return seen.message

    async def _deletable(self, name: str, call: Call, how: Asked) -> tuple[Model, list[str]]:
        """The model as it is stored, and its aliases. Raises ModelInUse, StaleEtag."""
        table = await self._champions.table.all()
        await self._refuse_in_use(name, held(table, name), call)
        model = await self._models.read(name)
        check_etag(with_aliases(model, table), how.etag)
        return model, held(table, name)

    async def ProbeModel(self, request: rpc.ProbeModelRequest, call: Call) -> rpc.ProbeModelResponse:
        """Ask it once."""
        return await probed(self._pool.open(await self._models.read(_name(request.name))), request, call)

    async def ImportModels(self, request: rpc.ImportModelsRequest, call: Call) -> rpc.ImportModelsResponse:
        """Read a registry whole, then write what of it is new or has changed."""
        how, lines = asked(request, call), self._pool.connections
        address = read_address(request.registry_uri, REGISTRIES)
        check_allowed(address, self._registry_hosts, call.caller)
        if (done := await self._imports.answered(how)) is not None:
            return done
        check_template(request.template)
        headers = authorization(request.secret_ref, lines.environ)
        kept = WRITING * call.remaining()
        fetcher = Fetcher(lines.session(), address.base, headers, lambda: call.remaining() - kept)
        order = await order_of(REGISTRIES[address.kind](fetcher), request)
        return await self._imports.carry_out(order, how)

    def _shown(self, answer: rpc.SetAliasResponse, call: Call) -> rpc.SetAliasResponse:
        answer.routers[:] = filter(self._permissions.shown(call.caller), answer.routers)
        return answer

    async def _refuse_in_use(self, name: str, aliases: list[str], call: Call) -> None:
        """Raise ModelInUse with the first few routers that name the model, or an alias of it; those that the
        caller may not see are only counted."""

        def names(router: Router) -> bool:
            return uses(router, aliases) or name in callees(router)

        users, visible = await self._champions.routers(names), self._permissions.visible(call.caller)
        if users:
            seen = [router.name for router in users if visible(router)]
            hidden = len(users) - len(seen)
            told = ", ".join([*seen[:5], *([f"{hidden} that the caller may not see"] if hidden else [])])
            said = f"{name} is used by {told}; delete or change them first"
            raise ModelInUse(said, fields=[("name", "a model that no router uses")], model=name, routers=told)


def _name(given: str) -> str:
    return resource_name("models", given, "name")
