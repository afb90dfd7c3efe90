"""Moving aliases: all that could stand against a move is looked at first, then one step moves them, then each
router that uses them follows with a new generation."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import FailedPrecondition, PermissionDenied
from services.foundation.identity.caller import Caller
from services.foundation.logs import log
from services.foundation.rules import Role
from services.router.config.agreement import disagreements
from services.router.config.grounds import unfounded
from services.router.managing.aliases import behind, callees, follow, held, settle, uses
from services.router.managing.asked import Asked
from services.state.alias_table import AliasTable
from services.state.audit import event_of
from services.state.config_reader import ConfigReader
from services.state.configs import ConfigStore
from services.state.errors import RouterNotFound
from services.state.pages import MAX_PAGE
from services.state.permissions import CatalogPermissions


class ModelsDisagree(FailedPrecondition):
    """A router cannot take the model that an alias would stand for, or a model as it would become."""

    reason = "MODELS_DISAGREE"


class AliasInUse(FailedPrecondition):
    """A router still names the alias that would be taken away."""

    reason = "MODEL_IN_USE"


class Move(NamedTuple):
    """Aliases that a model is given and that are taken from it, the table as it was seen, and the routers
    that will follow, by name. `left`: aliases that it has already, and that a router is behind on: whoever
    gave them may have died on the way."""

    model: Model
    given: Sequence[str]
    taken: Sequence[str]
    seen: Mapping[str, str]
    routers: Sequence[str]
    left: Sequence[str] = ()

    @property
    def table(self) -> dict[str, str]:
        """The table as it will be."""
        kept = {alias: name for alias, name in self.seen.items() if alias not in self.taken}
        return kept | dict.fromkeys(self.given, self.model.name)

    @property
    def outcome(self) -> Model:
        """The model with the aliases that it will have."""
        return with_aliases(self.model, self.table)


class Champions:
    """Plans and carries out moves of aliases."""

    def __init__(
        self,
        routers: ConfigStore[Router],
        models: ConfigReader[Model],
        table: AliasTable,
        permissions: CatalogPermissions,
    ) -> None:
        self._routers = routers
        self._models = models
        self._permissions = permissions
        self.table = table

    async def plan(
        self,
        model: Model,
        given: Collection[str],
        taken: Collection[str],
        caller: Caller,
        seen: Mapping[str, str] | None = None,
    ) -> Move:
        """What a move would do, to the table as the caller has `seen` it, or as it is.

        Raises AliasInUse or ModelsDisagree, naming the router, and PermissionDenied for an alias of a model
        that the caller may not change.
        """
        seen = await self.table.all() if seen is None else seen
        wanted = dict.fromkeys(given)
        given = [alias for alias in wanted if seen.get(alias) != model.name]
        taken = [alias for alias in dict.fromkeys(taken) if seen.get(alias) == model.name]
        users = await self.routers(lambda router: uses(router, (*wanted, *taken)))
        touched = [router for router in users if uses(router, (*given, *taken))]
        # An earlier move has them already, on paper: what could stand against it was looked at then.
        late = [router for router in users if router not in touched and behind(router, seen)]
        left = [alias for alias in wanted if any(uses(router, [alias]) for router in late)]
        move = Move(model, given, taken, seen, [router.name for router in (*touched, *late)], left)
        await self._refuse_theft(move, caller)
        for router in touched:
            try:
                _refuse_loss(router, taken)
                await self._refuse_disagreement(router, move)
            except (AliasInUse, ModelsDisagree) as refused:
                raise self.told(refused, router, caller) from None
        return move

    def told(self, refused: FailedPrecondition, router: Router, caller: Caller) -> FailedPrecondition:
        """What a caller may hear of a router that stands against his change."""
        if self._permissions.may(caller, Role.VIEWER, router):
            return refused
        said = "a router that the caller may not see stands against it"
        return type(refused)(said, fields=[(refused.fields[0].field, said)])

    async def carry_out(self, move: Move, asked: Asked, answer: bytes = b"") -> None:
        """Move, and let the routers follow. Nobody else may have moved the same meanwhile: AliasesMoved."""
        model = move.model
        if move.given or move.taken or asked.once:
            changed = ["aliases"] if move.given or move.taken else []
            event = event_of(asked.by, model.name, model.uid, 0, changed)
            await self.table.move(
                model.name, move.given, move.taken, move.seen, event, once=asked.once, answer=answer
            )
        await self.follow((*move.given, *move.taken, *move.left), asked)

    async def follow(self, aliases: Collection[str], asked: Asked) -> None:
        """Bring all routers that use one of the aliases to what it stands for by now; those that are there
        are left alone.

        They are looked for after the move, as whoever writes one looks at the table after the write: either
        sees the other. And until the table holds still: of two movers the slower must not have the last word.
        """
        while aliases:
            table = await self.table.all()
            for router in await self.routers(lambda one: uses(one, aliases)):
                if settle(router, table):
                    await self._catch_up(router.name, table, asked)
            if await self.table.all() == table:
                return

    async def _catch_up(self, name: str, table: Mapping[str, str], asked: Asked) -> None:
        try:
            await self._routers.update(name, lambda router: follow(router, table), by=asked.by)
        except RouterNotFound:
            log.debug("deleted while its alias moved; it follows when it is undeleted", router=name)

    async def routers(self, keep: Callable[[Router], bool]) -> list[Router]:
        """All routers that `keep` lets through."""
        found: list[Router] = []
        token = ""
        while True:
            page = await self._routers.list(MAX_PAGE, token, keep=keep)
            found += page.items
            token = page.next_page_token
            if not token:
                return found

    async def _refuse_theft(self, move: Move, caller: Caller) -> None:
        """Who takes an alias from a model takes its traffic."""
        for alias in move.given:
            holder = await self._models.find(move.seen[alias]) if alias in move.seen else None
            if holder is not None and not self._permissions.may(caller, Role.EDITOR, holder):
                said = f"{alias} belongs to another model, which the caller may not change"
                raise PermissionDenied(said, alias=alias, needed=Role.EDITOR.told)

    async def _refuse_disagreement(self, router: Router, move: Move) -> None:
        after = Router()
        after.CopyFrom(router)
        settle(after, move.table)
        named = {*callees(router), *callees(after)}
        models = {name: found for name in named if (found := await self._models.find(name)) is not None}
        models[move.model.name] = move.model
        known = disagreements(router, models)
        news = [one for one in disagreements(after, models) if one not in known]
        if news := [*news, *lost(router, models, after, models)]:
            raise disagreement(router, move.model, news, "alias")


def lost(
    before: Router, models: Mapping[str, Model], after: Router, models_after: Mapping[str, Model]
) -> list[str]:
    """Sentences about conditions and segments that would have nothing to read any more. No replica could load
    such a router: it would serve its former generation, and those that start anew none."""
    known = unfounded(before, models)
    return [one for one in unfounded(after, models_after) if one not in known]


def disagreement(router: Router, model: Model, news: Sequence[str], field: str) -> ModelsDisagree:
    """The refusal, in these sentences; `field` of the request would bring it about."""
    said = f"{router.name} cannot take {model.name}: {'; '.join(news)}"
    return ModelsDisagree(said, fields=[(field, said)], router=router.name, model=model.name)


def with_aliases(model: Model, table: Mapping[str, str]) -> Model:
    """A copy that shows the aliases of the model: they are stored in their table alone. Its etag covers them:
    whoever read it before an alias moved has not seen the model as it is."""
    made = Model()
    made.CopyFrom(model)
    made.aliases[:] = held(table, model.name)
    stored = made.etag.strip('"').partition("-")[0]
    if stored and made.aliases:
        digest = hashlib.blake2b("\0".join(made.aliases).encode(), digest_size=4).hexdigest()
        made.etag = f'"{stored}-{digest}"'
    elif stored:
        made.etag = f'"{stored}"'
    return made


def _refuse_loss(router: Router, taken: Collection[str]) -> None:
    for alias in taken:
        if uses(router, [alias]):
            said = f"{router.name} uses {alias}; give it to another model, or change the router first"
            raise AliasInUse(said, fields=[("model.aliases", said)], router=router.name, alias=alias)
