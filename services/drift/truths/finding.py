"""Finds the prediction that a truth is of, where its reporter knows another key of it than its id."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from turnout.drift.v1.truth_pb2 import AddGroundTruthRequest
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import REDACTION_HASHED, REDACTION_NONE, Router

from services.foundation.errors import InvalidArgument, TurnoutError, Unavailable
from services.state.attribution import ENTITY, EXTERNAL, AttributionIndex, Sought, only
from services.state.config_reader import ConfigReader
from services.state.errors import PredictionNotFound
from services.state.moments import moment
from services.state.names import resource_name
from services.state.records import SETTLED_SECONDS
from services.state.reporter import Reporter

# What a router that hashes a key logs of it.
HASHED = "hash:"
HIDDEN = (REDACTION_HASHED, REDACTION_NONE)


class Owner(NamedTuple):
    """Whose the keys are: a router, or a model of which predictions are logged. hidden: keys that it logs
    hashed or not at all."""

    name: str
    uid: str
    hidden: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Finder:
    """Looks keys up. `now` is in seconds since 1970."""

    routers: ConfigReader[Router]
    models: ConfigReader[Model]
    index: AttributionIndex
    now: Callable[[], float]

    async def find(
        self, requests: Sequence[AddGroundTruthRequest], may: Reporter | None = None
    ) -> list[str | TurnoutError]:
        """The prediction of each: its id, empty where none is recorded yet, or why it cannot be told; what
        their reporter may not see is not there. Raises StateUnavailable."""
        found: list[str | TurnoutError] = [request.prediction_id for request in requests]
        owners: dict[tuple[str, str], Owner | TurnoutError] = {}
        asked: list[tuple[int, Owner, Sought]] = []
        for place, request in enumerate(requests):
            if request.prediction_id:
                continue
            try:
                owner = await self._owner(request, owners, may)
                asked.append((place, owner, _sought(request, owner)))
            except Unavailable:
                raise
            except TurnoutError as wrong:
                found[place] = wrong
        names = await self.index.find([sought for _, _, sought in asked]) if asked else []
        settled = self.now() - SETTLED_SECONDS
        for (place, owner, sought), ids in zip(asked, names, strict=True):
            unsettled = sought.before is not None and sought.before > settled
            found[place] = _too_soon(sought.by) if unsettled else only(sought, ids, owner.name, settled)
        return found

    async def strangers(self, requests: Mapping[int, AddGroundTruthRequest]) -> dict[int, TurnoutError]:
        """By place those that name a model that there is not, or a router that there neither is nor was until
        lately: a prediction without a record is none of theirs. Raises StateUnavailable."""
        known: dict[tuple[str, str], TurnoutError | None] = {}
        for request in requests.values():
            key = (request.router, request.model)
            # By other keys they are found in what is theirs.
            if request.prediction_id and any(key) and key not in known:
                known[key] = await self._strange(*key)
        wrong = {at: known.get((one.router, one.model)) for at, one in requests.items() if one.prediction_id}
        return {at: fault for at, fault in wrong.items() if fault is not None}

    async def _strange(self, router: str, model: str) -> TurnoutError | None:
        try:
            # What it predicted before it was deleted may be on its way.
            if router:
                name = resource_name("routers", router, "router")
                await self.routers.read(name, deleted=True, field="router")
            if model:
                await self.models.read(resource_name("models", model, "model"), field="model")
        except Unavailable:
            raise
        except TurnoutError as wrong:
            return wrong
        return None

    async def _owner(
        self,
        request: AddGroundTruthRequest,
        known: dict[tuple[str, str], Owner | TurnoutError],
        may: Reporter | None,
    ) -> Owner:
        key = (request.router, request.model)
        if key not in known:
            try:
                known[key] = await self._read(request, may)
            except Unavailable:
                raise
            except TurnoutError as wrong:
                known[key] = wrong
        found = known[key]
        if isinstance(found, TurnoutError):
            raise found
        return found

    async def _read(self, request: AddGroundTruthRequest, may: Reporter | None) -> Owner:
        if request.model:
            name = resource_name("models", request.model, "model")
            model = await self.models.read(name, field="model")
            if may is not None and not may.sees(model):
                raise self.models.kind.missing(name, "model")
            return Owner(name, model.uid)
        name = resource_name("routers", request.router, "router")
        router = await self.routers.read(name, field="router")
        if may is not None and not may.sees(router):
            raise self.routers.kind.missing(name, "router")
        hidden = [word for word in (EXTERNAL, ENTITY) if router.log.redact.get(word) in HIDDEN]
        return Owner(name, router.uid, hidden)


def _too_soon(by: str) -> PredictionNotFound:
    said = (
        f"must be {SETTLED_SECONDS:g} seconds ago or more: until then a newer prediction with this {by} may "
        "be on its way here, and be the one that is meant; send it again then, or give prediction_id"
    )
    return PredictionNotFound(f"event_time {said}", fields=[("event_time", said)])


def _sought(request: AddGroundTruthRequest, owner: Owner) -> Sought:
    by = EXTERNAL if request.external_id else ENTITY
    value: str = getattr(request, by)
    if by in owner.hidden and not value.startswith(HASHED):
        said = f"{owner.name} does not log it (log.redact), so it leads nowhere; give prediction_id"
        raise InvalidArgument(f"{by}: {said}", fields=[(by, said)])
    before = moment(request.event_time, "event_time") if request.HasField("event_time") else None
    return Sought(owner.uid, by, value, before)
