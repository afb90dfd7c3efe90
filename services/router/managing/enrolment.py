"""How models come to be registered and change: checked as a whole, their aliases moved with them."""

from collections.abc import Sequence

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import PermissionDenied
from services.foundation.identity.caller import Caller
from services.foundation.rules import Role
from services.models.registration import compile_model
from services.router.config import masks
from services.router.config.agreement import disagreements
from services.router.config.models import aliases_of, check_model, model_with_defaults
from services.router.config.resources import MODEL_KEPT
from services.router.managing.aliases import model_of
from services.router.managing.asked import Asked
from services.router.managing.champions import Champions, with_aliases
from services.state.configs import ConfigStore
from services.state.permissions import CatalogPermissions

MOST_WARNED = 20


class Enrolment:
    """Writes models. What is stored of one has no aliases: they are in their table alone."""

    def __init__(
        self, models: ConfigStore[Model], champions: Champions, permissions: CatalogPermissions
    ) -> None:
        self._models = models
        self._permissions = permissions
        self._champions = champions

    async def register(self, model: Model, asked: Asked) -> Model:
        """Store a new model, for its first owner, and give it the aliases that it asks for.

        Raises InvalidConfiguration, InvalidModel, NameTaken, and what moving the aliases raises.
        """
        model_with_defaults(model)
        check_model(model)
        compile_model(model)
        _refuse_secret(model, Model(), asked.caller)
        if done := await self._champions.table.answered(asked.once):
            return Model.FromString(done)
        wanted, model.owner = aliases_of(model), asked.by.caller
        model.ClearField("aliases")
        if await self._models.find(model.name) is None:
            await self._champions.plan(model, wanted, (), asked.caller)
        written = await self._models.create(model, asked.once, validate_only=asked.validate_only, by=asked.by)
        move = await self._champions.plan(written.message, wanted, (), asked.caller)
        made = with_aliases(written.message, move.table)
        if wanted and not asked.validate_only:
            await self._champions.carry_out(move, asked, made.SerializeToString())
        return made

    async def update(
        self, name: str, given: Model, paths: Sequence[str], asked: Asked
    ) -> tuple[Model, list[str]]:
        """Change a model by an update mask. Returns it, and a sentence for each router whose models no longer
        agree because of it."""
        if done := await self._models.repeated(asked.once):
            return with_aliases(done, await self._champions.table.all()), []
        before = await self._models.read(name)
        table = await self._champions.table.all()
        after = with_aliases(before, table)
        masks.update(after, given, paths, MODEL_KEPT, root="model")
        model_with_defaults(after)
        check_model(after)
        wanted, present = aliases_of(after), list(with_aliases(before, table).aliases)
        if after.permissions != before.permissions:
            self._permissions.demand(asked.caller, Role.OWNER, before)
        _refuse_secret(after, before, asked.caller)
        move = await self._champions.plan(after, wanted, set(present) - set(wanted), asked.caller)
        warnings = await self._warnings(before, after, asked.caller)

        def change(model: Model) -> None:
            masks.update(model, given, paths, MODEL_KEPT, root="model")
            model.ClearField("aliases")
            model_with_defaults(model)
            check_model(model)
            compile_model(model)

        written = await self._models.update(
            name,
            change,
            etag=asked.etag,
            once=asked.once,
            validate_only=asked.validate_only,
            by=asked.by,
        )
        if not asked.validate_only:
            await self._champions.carry_out(move, asked._replace(once=None))
        return with_aliases(written.message, move.table), warnings

    async def _warnings(self, before: Model, after: Model, caller: Caller) -> list[str]:
        visible = self._permissions.visible(caller)

        def names(router: Router) -> bool:
            return visible(router) and any(model_of(variant) == before.name for variant in router.variants)

        told = []
        for router in (await self._champions.routers(names))[:MOST_WARNED]:
            others = {model_of(variant) for variant in router.variants} - {before.name}
            models = {one: found for one in others if (found := await self._models.find(one)) is not None}
            was = disagreements(router, models | {before.name: before})
            news = [one for one in disagreements(router, models | {before.name: after}) if one not in was]
            told += [f"{router.name}: {sentence}" for sentence in news]
        return told


def _refuse_secret(after: Model, before: Model, caller: Caller) -> None:
    """A secret of the router's environment is sent to the model's endpoints: only an administrator says which
    goes where. Raises PermissionDenied."""
    same = after.secret_ref == before.secret_ref and list(after.endpoints) == list(before.endpoints)
    if after.secret_ref and not same and not caller.admin:
        said = "only an administrator may name a secret_ref, or change the endpoints that it is sent to"
        raise PermissionDenied(said, needed=Role.ADMIN.told)
