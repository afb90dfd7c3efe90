"""Importing models: a registry is read to its end, then each of its versions is written as a whole."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from turnout.router.v1 import model_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from services.foundation.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    TurnoutError,
)
from services.foundation.rules import Role
from services.router.config.models import model_with_defaults
from services.router.config.resources import MODEL_KEPT
from services.router.managing.asked import Asked
from services.router.managing.champions import Champions, with_aliases
from services.router.managing.enrolment import Enrolment
from services.router.registries.errors import unusable
from services.router.registries.listing import Registered, Registry, Version
from services.router.registries.moulding import Moulded, checked, mould
from services.router.registries.naming import base_id, model_name
from services.state import masks
from services.state.audit import event_of
from services.state.configs import ConfigStore
from services.state.permissions import CatalogPermissions

# Their reply must fit a message, with the columns of each.
MOST_IMPORTED = 500
# What is wrong with one model, or with us two at once; the others can still be written.
OF_ONE = (InvalidArgument, FailedPrecondition, PermissionDenied, AlreadyExists, Aborted)


class Wish(NamedTuple):
    """An alias that a model should have."""

    alias: str
    model: str


@dataclass(slots=True)
class Order:
    """What is to be written, and what is told of the rest."""

    models: list[Moulded] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    told: rpc.ImportModelsResponse = field(default_factory=rpc.ImportModelsResponse)

    def skip(self, what: str, why: str) -> None:
        """Leave something out."""
        self.told.skipped.append(f"{what}: {why}")


async def order_of(registry: Registry, request: rpc.ImportModelsRequest) -> Order:
    """Read all that is asked for. Raises RegistryUnavailable, RegistryUnusable; nothing is written yet."""
    order, bases = Order(), dict[str, str]()
    found = await registry.models(request.prefix, request.versions)
    if (count := sum(len(one.versions) for one in found)) > MOST_IMPORTED:
        raise unusable(f"{count} versions; at most {MOST_IMPORTED} at once: narrow it", "prefix")
    for one in found:
        base = base_id(one.name)
        if not base:
            order.skip(one.name, "no letter or digit of its name can stand in an id")
        elif base in bases:
            order.skip(one.name, f"its models would be called as those of {bases[base]}: rename either")
        else:
            bases[base] = one.name
            await _take(registry, one, base, request.template, order)
    return order


async def _take(registry: Registry, one: Registered, base: str, template: Model, order: Order) -> None:
    for absent in one.absent:
        order.skip(
            f"{one.name} version {absent}", "an alias stands for it, and the registry does not show it"
        )
    taken = set[str]()
    for version in one.versions:
        made = await _moulded(registry, version, base, one, template, order)
        if made is not None:
            order.models.append(made)
            taken.add(version.version)
    spelled = dict[str, str]()
    for alias, number in sorted(one.aliases.items()):
        name = base_id(alias)
        if number not in taken:
            continue
        if not name or name in spelled:
            why = f"would be spelled as {spelled[name]}" if name else "nothing of it can stand in an id"
            order.skip(f"{one.name}@{alias}", why)
            continue
        spelled[name] = alias
        order.wishes.append(Wish(f"{base}@{name}", model_name(base, number)))


async def _moulded(
    registry: Registry, version: Version, base: str, of: Registered, template: Model, order: Order
) -> Moulded | None:
    if version.trouble:
        order.skip(version.label, version.trouble)
        return None
    signature, untold = None, ""
    if not template.signature.features:
        signature, untold = await registry.signature(version)
    made = mould(version, base, of.tags, template, signature)
    try:
        checked(made.model)
    except InvalidArgument as wrong:
        order.skip(version.label, wrong.message)
        return None
    if untold:
        order.told.warnings.append(f"{version.label}: {untold}")
    return made


class Imports:
    """Writes what was read. An alias that the registry no longer has stays: it may have been given here."""

    def __init__(
        self,
        models: ConfigStore[Model],
        champions: Champions,
        permissions: CatalogPermissions,
        enrolment: Enrolment,
    ) -> None:
        self._models = models
        self._champions = champions
        self._permissions = permissions
        self._enrolment = enrolment

    async def answered(self, asked: Asked) -> rpc.ImportModelsResponse | None:
        """What the same request answered before, its models as they are now. Raises RequestIdReused."""
        done = await self._champions.table.answered(asked.once)
        if done is None:
            return None
        answer = rpc.ImportModelsResponse.FromString(done)
        found = [await self._models.find(one.name) for one in answer.models]
        return _shown(answer, [one for one in found if one], await self._champions.table.all())

    async def carry_out(self, order: Order, asked: Asked) -> rpc.ImportModelsResponse:
        """Write each model, then give the aliases. Written again, nothing changes.

        Raises StateUnavailable; what was written by then stays, model by model.
        """
        told, drafts = order.told, dict[str, Model]()
        for made in order.models:
            try:
                drafts[made.model.name] = await self._write(made, told, asked)
            except OF_ONE as wrong:
                order.skip(made.model.display_name, wrong.message)
        table = await self._give(
            [wish for wish in order.wishes if wish.model in drafts], drafts, order, asked
        )
        if asked.once and not asked.validate_only:
            kept = rpc.ImportModelsResponse()
            kept.CopyFrom(told)
            kept.models.extend(Model(name=name) for name in drafts)
            event = event_of(asked.by, "models", "models", 0, [])
            await self._champions.table.move(
                "", (), (), {}, event, once=asked.once, answer=kept.SerializeToString()
            )
        return _shown(told, drafts.values(), table)

    async def _write(self, made: Moulded, told: rpc.ImportModelsResponse, asked: Asked) -> Model:
        """The model as it is after this. Raises what is wrong with it."""
        model, one_of_many = made.model, asked._replace(once=None, etag="")
        before = await self._models.find(model.name)
        if before is None:
            drafted = await self._enrolment.register(model, one_of_many)
            told.created.append(model.name)
            return drafted
        if not self._permissions.may(asked.caller, Role.EDITOR, before):
            raise PermissionDenied(f"{model.name} is somebody else's, and the caller may not change it")
        if (before.version, before.display_name) != (model.version, model.display_name):
            was = f"{before.display_name!r}, version {before.version!r}"
            raise FailedPrecondition(
                f"{model.name} is registered as something else ({was}); delete or rename it"
            )
        after = Model()
        after.CopyFrom(before)
        masks.update(after, model, made.fields, MODEL_KEPT, root="model")
        model_with_defaults(after)
        if after == before:
            return before
        drafted, warnings = await self._enrolment.update(model.name, model, made.fields, one_of_many)
        told.updated.append(model.name)
        told.warnings.extend(warnings)
        return drafted

    async def _give(
        self, wishes: Collection[Wish], drafts: Mapping[str, Model], order: Order, asked: Asked
    ) -> dict[str, str]:
        """The table of aliases as it is, or would be, after this.

        They are tried until none moves any more: of two that change places, one may stand against the other
        only until that has moved too.
        """
        table = await self._champions.table.all()
        wishes = [wish for wish in wishes if table.get(wish.alias) != wish.model]
        while wishes:
            refused = dict[Wish, TurnoutError]()
            for wish in wishes:
                try:
                    await self._move(wish, drafts[wish.model], asked)
                    table[wish.alias] = wish.model
                except OF_ONE as wrong:
                    refused[wish] = wrong
            if len(refused) == len(wishes):
                for wish, why in refused.items():
                    order.skip(wish.alias, why.message)
                break
            wishes = list(refused)
        return table

    async def _move(self, wish: Wish, model: Model, asked: Asked) -> None:
        move = await self._champions.plan(model, [wish.alias], (), asked.caller)
        if not asked.validate_only:
            await self._champions.carry_out(move, asked._replace(once=None))


def _shown(
    told: rpc.ImportModelsResponse, models: Iterable[Model], table: Mapping[str, str]
) -> rpc.ImportModelsResponse:
    del told.models[:]
    told.models.extend(with_aliases(model, table) for model in models)
    return told
