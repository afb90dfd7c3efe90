"""How models come to be registered and change: checked as a whole, their aliases moved with them."""

from collections.abc import Mapping, Sequence

from turnout.router.v1.model_pb2 import Model

from services.foundation.errors import PermissionDenied
from services.foundation.identity.caller import Caller
from services.foundation.rules import Role
from services.models.registration import compile_model
from services.router.config.models import aliases_of, check_model, model_with_defaults
from services.router.config.resources import MODEL_KEPT
from services.router.managing.aliases import held
from services.router.managing.asked import Asked
from services.router.managing.champions import Champions, with_aliases
from services.router.managing.consequences import Consequences
from services.state import masks
from services.state.configs import ConfigStore
from services.state.permissions import CatalogPermissions
from services.state.refusals import check_etag


class Enrolment:
    """Writes models. What is stored of one has no aliases: they are in their table alone."""

    def __init__(
        self, models: ConfigStore[Model], champions: Champions, permissions: CatalogPermissions
    ) -> None:
        self._models = models
        self._permissions = permissions
        self._champions = champions
        self._consequences = Consequences(models, champions, permissions)

    async def register(self, model: Model, asked: Asked) -> Model:
        """Store a new model, for its first owner, and give it the aliases that it asks for.

        Raises InvalidConfiguration, InvalidModel, NameTaken, and what moving the aliases raises.
        """
        model_with_defaults(model)
        check_model(model)
        compile_model(model)
        _refuse_secret(model, Model(), asked.caller)
        if done := await self._moved(asked):
            return done
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
        moving = bool({"aliases", masks.WHOLE} & set(paths)) or bool(not paths and given.aliases)
        table = await self._champions.table.all()
        if done := await (self._moved(asked) if moving else self._models.repeated(asked.once)):
            return done if moving else with_aliases(done, table), []
        before = await self._as_seen(name, table, asked)
        after = with_aliases(before, table)
        masks.update(after, given, paths, MODEL_KEPT, root="model")
        model_with_defaults(after)
        check_model(after)
        wanted, present = aliases_of(after), held(table, name)
        if after.permissions != before.permissions:
            self._permissions.demand(asked.caller, Role.OWNER, before)
        _refuse_secret(after, before, asked.caller)
        move = await self._champions.plan(after, wanted, set(present) - set(wanted), asked.caller, table)
        warnings = await self._consequences.of(before, after, asked.caller)

        def change(model: Model) -> None:
            masks.update(model, given, paths, MODEL_KEPT, root="model")
            model.ClearField("aliases")
            model_with_defaults(model)
            check_model(model)
            compile_model(model)

        written = await self._models.update(
            name,
            change,
            etag=before.etag if asked.etag else "",
            once=asked.once,
            validate_only=asked.validate_only,
            by=asked.by,
        )
        made = with_aliases(written.message, move.table)
        if not asked.validate_only:
            # The model is written, and a repetition has only the move to make good.
            how = asked if moving else asked._replace(once=None)
            await self._champions.carry_out(move, how, made.SerializeToString())
        return made, warnings

    async def _as_seen(self, name: str, table: Mapping[str, str], asked: Asked) -> Model:
        """The stored model. Raises StaleEtag where the caller has seen another, or one of other aliases."""
        stored = await self._models.read(name)
        # What was written before is answered as it was then, whatever the model has become by it.
        if not (asked.etag and await self._models.repeated(asked.once)):
            check_etag(with_aliases(stored, table), asked.etag)
        return stored

    async def _moved(self, asked: Asked) -> Model | None:
        """What this very change answered when its aliases had moved; routers that have not followed do now.
        None where it was not made, or not to its end. Raises RequestIdReused."""
        done = await self._champions.table.answered(asked.once)
        if done is None:
            return None
        made = Model.FromString(done)
        await self._champions.follow(made.aliases, asked)
        return made


def _refuse_secret(after: Model, before: Model, caller: Caller) -> None:
    """A secret of the router's environment is sent to the model's endpoints: only an administrator says which
    goes where. Raises PermissionDenied."""
    same = after.secret_ref == before.secret_ref and list(after.endpoints) == list(before.endpoints)
    if after.secret_ref and not same and not caller.admin:
        said = "only an administrator may name a secret_ref, or change the endpoints that it is sent to"
        raise PermissionDenied(said, needed=Role.ADMIN.told)
