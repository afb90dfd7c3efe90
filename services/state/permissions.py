"""Who may do what to which router, model and prediction, from the catalog in memory.

What memory allows is allowed at once. What it does not is looked up in Redis before it is refused, also where
it is known to be hidden: the resource may be newer than memory, and to hide must take as long as to miss.
Predictions alone are refused from memory, whether hidden or missing: no caller can make them wait for Redis.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Any

from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import AuditEvent

from services.foundation.access import Check
from services.foundation.errors import PermissionDenied
from services.foundation.identity.caller import Caller
from services.foundation.rules import Role, Rule
from services.state import ids
from services.state.catalog import CatalogFollower
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.errors import PredictionNotFound
from services.state.kinds import MODELS, ROUTERS
from services.state.named import kind_named, name_given
from services.state.names import id_of
from services.state.records import RecordStore
from services.state.reporter import Reporter
from services.state.roles import Grants, role_of

Resource = Router | Model

# Their callers wait for models, and must not wait for Redis.
FROM_MEMORY = frozenset(("turnout.router.v1.InferenceService", "inference.GRPCInferenceService"))
MOST_REMEMBERED = 10_000
# No resource has it: read where there is none, so that this takes as many reads.
NO_UID = "00000000-0000-7000-8000-000000000000"
# A record follows its reply within some tens of milliseconds.
YOUNG_SECONDS, PATIENCE_SECONDS, PAUSE_SECONDS = 5.0, 0.3, 0.03


class CatalogPermissions:
    """Foundation's `Permissions` on a followed catalog. `now` is in seconds since 1970."""

    def __init__(
        self, connections: Connections, catalog: CatalogFollower, now: Callable[[], float] = time.time
    ) -> None:
        self._catalog = catalog
        self._readers: dict[str, ConfigReader[Any]] = {
            kind.name: ConfigReader(connections, kind, now) for kind in (ROUTERS, MODELS)
        }
        self._records = RecordStore(connections)
        self._now = now
        self._remembered: dict[tuple[str, str, str], tuple[Resource, Role]] = {}

    def check_of(self, method: str, rule: Rule) -> Check:
        """The check of a method by its rule. Raises ValueError for a resource of no known kind."""
        read, role = attrgetter(rule.resource), rule.role
        kind = kind_named(method, rule.resource)
        if kind == "predictions":
            return lambda caller, request: self._of_report(caller, role, read(request), request)
        field, memory_only = rule.resource, method.partition("/")[0] in FROM_MEMORY

        def check(caller: Caller, request: Any) -> Awaitable[None] | None:
            given = read(request)
            held = self._held(caller.name, kind, given, field)
            if held >= role:
                return None
            if memory_only:
                raise self._refusal(held, role, kind, name_given(kind, given, field), field)
            return self._looked_up(caller, role, kind, given, field)

        return check

    def may(self, caller: Caller, role: Role, resource: Resource) -> bool:
        """Whether the caller may do to a resource at hand what `role` may."""
        return caller.admin or role_of(caller.name, grants_of(resource)) >= role

    def demand(self, caller: Caller, role: Role, resource: Resource) -> None:
        """Raise PermissionDenied unless the caller, who may see the resource, is what `role` says to it."""
        if not self.may(caller, role, resource):
            raise _denied(resource.name, role, role_of(caller.name, grants_of(resource)))

    def shown(self, caller: Caller) -> Callable[[str], bool]:
        """The same by name, from memory: what is not in it is not shown."""

        def show(name: str) -> bool:
            resources: Any = self._catalog.models if name.startswith("models/") else self._catalog.routers
            resource: Resource | None = resources.by_name.get(name)
            return caller.admin or (resource is not None and self.may(caller, Role.VIEWER, resource))

        return show

    def audited(self, caller: Caller) -> Callable[[AuditEvent], bool]:
        """For lists of changes: those of what is the caller's own, and those that he made."""

        def own(event: AuditEvent) -> bool:
            resource = self._catalog.routers.by_uid.get(event.uid) or self._catalog.models.by_uid.get(
                event.uid
            )
            mine = resource is not None and self.may(caller, Role.OWNER, resource)
            return caller.admin or mine or (bool(caller.name) and event.caller == caller.name)

        return own

    def visible(self, caller: Caller) -> Callable[[Resource], bool]:
        """For lists: what the caller may see."""
        return lambda resource: self.may(caller, Role.VIEWER, resource)

    def require(self, caller: Caller, role: Role, collection: str, given: str, field: str) -> None:
        """For items of a batch or a stream, from memory: raise the kind's not-found error, blaming `field`,
        for what the caller may not see, and PermissionDenied for what he may see and not do."""
        if caller.admin:
            return
        held = self._held(caller.name, collection, given, field)
        if held < role:
            raise self._refusal(held, role, collection, name_given(collection, given, field), field)

    async def require_prediction(self, caller: Caller, role: Role, prediction_id: str) -> None:
        """The same for what came of a prediction. Raises PredictionNotFound, PermissionDenied,
        BadPredictionId."""
        if not caller.admin:
            await self._of_prediction(caller, role, prediction_id)

    def on_predictions(self, caller: Caller, role: Role) -> Reporter:
        """For items of an import, from memory: whether the caller is so much to what made a prediction."""

        def may(event: PredictionEvent) -> bool:
            if event.router_uid:
                made = self._made(event.router_uid)
                return made is not None and self.may(caller, role, made)
            models = [self._catalog.models.by_name.get(one.model) for one in event.manifest.participants]
            return bool(models) and all(one is not None and self.may(caller, role, one) for one in models)

        return Reporter(may, self.visible(caller), self.shown(caller))

    def _made(self, uid: str) -> Resource | None:
        # Of a prediction, from memory: a router, or a model where it was made outside.
        return self._catalog.routers.by_uid.get(uid) or self._catalog.models.by_uid.get(uid)

    def _held(self, user: str, kind: str, given: str, field: str) -> Role:
        """What a user is to a resource in memory; ANYONE where it is not there."""
        key = (user, kind, given)
        resources = self._catalog.routers if kind == ROUTERS.name else self._catalog.models
        if (known := self._remembered.get(key)) is not None:
            # A change puts another message in its place.
            if resources.by_name.get(known[0].name) is known[0]:
                return known[1]
            del self._remembered[key]
        found: Resource | None = resources.by_name.get(self._resolved(name_given(kind, given, field)))
        if found is None:
            return Role.ANYONE
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        held = role_of(user, grants_of(found))
        if "@" not in given:
            self._remembered[key] = found, held
        return held

    def _resolved(self, name: str) -> str:
        return self._catalog.aliases.get(id_of(name), name) if "@" in name else name

    async def _looked_up(self, caller: Caller, role: Role, kind: str, given: str, field: str) -> None:
        name = name_given(kind, given, field)
        reader = self._readers[kind]
        found: Resource | None = await reader.find(self._resolved(name), deleted=True)
        if found is None:
            await reader.read_uid(NO_UID)
        held = Role.ANYONE if found is None else role_of(caller.name, grants_of(found))
        if held < role:
            raise self._refusal(held, role, kind, name, field)

    def _refusal(self, held: Role, role: Role, kind: str, name: str, field: str) -> Exception:
        if held < Role.VIEWER:
            return self._readers[kind].kind.missing(name, field)
        return _denied(name, role, held)

    async def _of_report(self, caller: Caller, role: Role, prediction_id: str, request: Any) -> None:
        """A prediction by its id; or the router or model whose own another key is."""
        for kind, field in ((ROUTERS, "router"), (MODELS, "model")):
            given = "" if prediction_id else getattr(request, field, "")
            if given:
                if self._held(caller.name, kind.name, given, field) < role:
                    await self._looked_up(caller, role, kind.name, given, field)
                return
        await self._of_prediction(caller, role, prediction_id)

    async def _of_prediction(self, caller: Caller, role: Role, prediction_id: str) -> None:
        resources = await self._made_by(prediction_id)
        if resources is None and role is Role.PREDICTOR and self._may_be_early(caller, prediction_id):
            return
        held = min((role_of(caller.name, grants_of(one)) for one in resources or ()), default=Role.ANYONE)
        if held >= role:
            return
        if held < Role.VIEWER:
            said = f"there is no record of prediction {prediction_id}, or not yet"
            raise PredictionNotFound(said, prediction_id=prediction_id)
        raise self._refusal(held, role, ROUTERS.name, f"prediction {prediction_id}", "prediction_id")

    async def _made_by(self, prediction_id: str) -> list[Resource] | None:
        """The router that a prediction belongs to, or the model that it was logged for (all models, where it
        says neither); None without a record, empty if they are gone."""
        until = self._now() + PATIENCE_SECONDS
        young = self._now() - ids.time_of(prediction_id) < YOUNG_SECONDS
        while (record := await self._records.read(prediction_id)) is None:
            if not young or self._now() > until:
                return None
            await asyncio.sleep(PAUSE_SECONDS)
        if uid := record.event.router_uid:
            made = self._made(uid)
            kinds = (ROUTERS, MODELS) if made is None else ()
            for kind in kinds:
                made = made or await self._readers[kind.name].read_uid(uid)
            return [] if made is None else [made]
        named = {one.model for one in record.event.manifest.participants}
        models = [self._catalog.models.by_name.get(name) for name in named]
        return [] if None in models else [one for one in models if one is not None]

    def _may_be_early(self, caller: Caller, prediction_id: str) -> bool:
        """Whether feedback may come before the record: only from who may predict on every router that the
        prediction could be of, as its id says no more than the partition."""
        partition = ids.partition_of(prediction_id)
        could_be = [
            router
            for uid, router in self._catalog.routers.by_uid.items()
            if ids.partition_for(uid) == partition
        ]
        return bool(could_be) and all(self.may(caller, Role.PREDICTOR, router) for router in could_be)


def _denied(name: str, role: Role, held: Role) -> PermissionDenied:
    said = f"{name}: this needs {role.told}, and the caller is {held.told}"
    return PermissionDenied(said, resource=name, needed=role.told, held=held.told)


def grants_of(resource: Resource) -> Grants:
    """What a stored resource says of who may do what."""
    said = resource.permissions
    return Grants(
        resource.owner,
        said.public_view,
        said.public_predict,
        frozenset(said.viewers),
        frozenset(said.predictors),
        frozenset(said.editors),
    )
