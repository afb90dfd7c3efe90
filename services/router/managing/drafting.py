"""From what a caller wants of a router to what is written: checked whole, stamped, its aliases resolved."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router, RouterState

from services.foundation.identity.caller import Caller
from services.foundation.rules import Role
from services.router.conditions.wire import compiling, schema_of
from services.router.config import redaction
from services.router.config.advice import advice
from services.router.config.agreement import disagreements
from services.router.config.defaults import with_defaults
from services.router.config.enabling import stamp_enabled
from services.router.config.naming import models_called, models_named
from services.router.config.problems import Problems
from services.router.config.references import as_written
from services.router.config.trials import Moved, stamp_trial
from services.router.config.validate import validate
from services.router.managing import lifecycle
from services.router.managing.aliases import aliases_named, callees, follow, resolve, settle
from services.router.managing.asked import Asked
from services.router.serving.readying import in_slices
from services.state.alias_table import AliasTable
from services.state.config_reader import ConfigReader
from services.state.configs import ConfigStore, Written
from services.state.errors import DeletedHasName, StaleEtag
from services.state.leaving import Leaving
from services.state.names import resource_name
from services.state.permissions import CatalogPermissions
from services.state.refusals import taken

# What a change of a canary says of itself; others say nothing.
Change = Callable[[Router], Moved | None]


class Known(NamedTuple):
    """What names lead somewhere: registered models and aliases, as variants spell them; and what each alias
    stands for, by `{base}@{alias}`. `models` are those of all variants and helpers, by that spelling, where
    they were all looked up."""

    names: Collection[str]
    aliases: Mapping[str, str]
    models: Mapping[str, Model] | None = None


class Drafts:
    """Writes routers. `now` is the wall clock in seconds."""

    def __init__(
        self,
        routers: ConfigStore[Router],
        models: ConfigReader[Model],
        aliases: AliasTable,
        permissions: CatalogPermissions,
        leaving: Leaving,
        now: Callable[[], float],
    ) -> None:
        self.routers = routers
        self.models = models
        self.aliases = aliases
        self._permissions = permissions
        self._leaving = leaving
        self._now = now

    async def create(self, router: Router, state: RouterState, asked: Asked) -> Written[Router]:
        """Store a router that has its defaults, for its first owner. Raises what `validate` and the store
        raise."""
        known = await self.known(models_named(router), asked.caller)
        await self.read_ahead(router, known)
        validate(router, known.names, known.models)
        settle(router, known.aliases)
        stamp_enabled(None, router, self._now())
        stamp_trial(None, router, self._now(), asked.by.caller)
        router.state, router.owner = state, asked.by.caller
        try:
            written = await self.routers.create(
                router, asked.once, validate_only=asked.validate_only, by=asked.by
            )
        except DeletedHasName:
            await self._hide_deleted(router.name, asked.caller)
            raise
        undo = partial(self.routers.discard, by=asked.by)
        await self._stand(written, Router(), asked, undo)
        return await self.kept_up(written, asked)

    async def configure(
        self, name: str, change: Change, asked: Asked, known: Known | None = None
    ) -> Written[Router]:
        """Let `change` make a new generation of a stored router. It leaves the router valid."""
        aliases = known.aliases if known else await self.aliases.all()
        before = Router()
        stored = await self.routers.find(name)
        if stored is not None:
            await self.read_ahead(stored, known)

        def changed(router: Router) -> None:
            before.CopyFrom(router)
            moved = change(router)
            lifecycle.refuse_move(before, router)
            settle(router, aliases)
            stamp_enabled(before, router, self._now())
            stamp_trial(before, router, self._now(), asked.by.caller, moved)

        written = await self.write(name, changed, asked, new_generation=True)
        undo = partial(self.routers.update, change=lambda router: router.CopyFrom(before), by=asked.by)
        await self._stand(written, before, asked, undo)
        return await self.kept_up(written, asked)

    async def read_ahead(self, router: Router, known: Known | None) -> None:
        """Compile the rules of a router that is to be checked, in slices: predictions go on meanwhile."""
        await in_slices(compiling(router, schema_of(router, (known.models if known else None) or {})))

    async def _hide_deleted(self, name: str, caller: Caller) -> None:
        """Raise no more than that the name is taken, where the caller may not see who has it."""
        holder = await self.routers.find(name, deleted=True)
        if holder is None or not self._permissions.may(caller, Role.VIEWER, holder):
            raise taken(name) from None

    async def _stand(
        self, written: Written[Router], before: Router, asked: Asked, undo: Callable[..., Awaitable[object]]
    ) -> None:
        """A model may have been deleted while the router was written, unseen by its deleter: those that are
        new to the router are looked for again after the write (see Leaving).

        Raises ModelNotFound, once the write is undone."""
        if asked.validate_only or written.replayed:
            return
        known = callees(before)
        new = {name: field for name, field in callees(written.message).items() if name not in known}
        problems, leaving = Problems(), await self._leaving.among(new)
        for name, field in new.items():
            if name in leaving or await self.models.find(name) is None:
                problems.unknown_model(field, name)
        if problems.unknown_models:
            # Where somebody has changed it since, it is theirs to look after.
            with suppress(StaleEtag):
                await undo(written.message.name, etag=written.message.etag)
        problems.settle()

    async def write(
        self, name: str, change: Callable[[Router], None], asked: Asked, *, new_generation: bool = False
    ) -> Written[Router]:
        """Let `change` alter what is no configuration: lifecycle, permissions."""
        return await self.routers.update(
            name,
            change,
            etag=asked.etag,
            once=asked.once,
            validate_only=asked.validate_only,
            new_generation=new_generation,
            by=asked.by,
        )

    async def known(self, named: Iterable[str], caller: Caller, of: str = "") -> Known:
        """Look names of models and aliases up, as variants and helpers spell them or by their ids.

        What the caller may not see is not known. Raises PermissionDenied for what he may see and may not send
        predictions, unless the router `of` that name has it already.
        """
        aliases = await self.aliases.all()
        spelled = {name if name.startswith("models/") else f"models/{name}" for name in named}
        models = {one for one in spelled if "@" not in one and await self.models.find(one) is not None}
        names = models | {f"models/{alias}" for alias in aliases}
        found = await self._found(spelled, aliases)
        if not caller.admin:
            names = await self._usable(names & spelled, aliases, caller, of)
            # Or what is wrong with the use of a hidden one would tell what it answers with.
            found = {name: model for name, model in found.items() if name in names}
        return Known(names, aliases, found)

    async def _found(self, spelled: Iterable[str], aliases: Mapping[str, str]) -> dict[str, Model]:
        found = {name: await self.models.find(resolve(name, aliases)) for name in spelled}
        return {name: model for name, model in found.items() if model is not None}

    async def _usable(
        self, names: Collection[str], aliases: Mapping[str, str], caller: Caller, of: str
    ) -> set[str]:
        stored = await self.routers.find(of) if of else None
        present = models_called(stored) if stored else set()
        usable = set(names) & present
        for name in sorted(set(names) - present):
            model = await self.models.find(resolve(name, aliases))
            if model is not None and self._permissions.may(caller, Role.VIEWER, model):
                self._permissions.demand(caller, Role.PREDICTOR, model)
                usable.add(name)
        return usable

    async def warnings(self, router: Router) -> list[str]:
        """What a reader of a router that was just written should know, a sentence each."""
        named = callees(router)
        models = {name: model for name in named if (model := await self.models.find(name)) is not None}
        return disagreements(router, models) + advice(router, models) + redaction.warnings(router, models)

    async def gone(self, router: Router) -> list[str]:
        """The models that a router names and that are not there, a sentence each."""
        return [
            f"{field}: {name} is not registered any more"
            for name, field in callees(router).items()
            if await self.models.find(name) is None
        ]

    async def kept_up(self, written: Written[Router], asked: Asked) -> Written[Router]:
        """An alias may have moved while the router was written, unseen by whoever moved it: its table is read
        again after the write, as the mover looks for routers after the move."""
        if asked.validate_only or not aliases_named(written.message):
            return written
        while True:
            router, aliases = self.routers.kind.copy(written.message), await self.aliases.all()
            if not settle(router, aliases):
                return written
            written = await self.routers.update(router.name, partial(follow, aliases=aliases), by=asked.by)


def completed(router: Router, known: Known) -> None:
    """Fill the defaults into a changed router and check the whole of it, in place. What it already named was
    registered then."""
    given = Router()
    given.CopyFrom(router)
    router.CopyFrom(with_defaults(router))
    with as_written(given):
        validate(router, known.names, known.models)


def router_name(given: str) -> str:
    """`churn` or `routers/churn` of a request's field `name`. Raises BadName."""
    return resource_name("routers", given, "name")
