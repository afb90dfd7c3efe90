"""Baselines of windows of logged traffic: from its counts where there are any, else from its records."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, replace

from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from services.drift.answered import said_by
from services.drift.baseline_store import BaselineStore
from services.drift.baselines import Baseline, Role, Segment, Source
from services.drift.buckets import cover
from services.drift.cells import Grid
from services.drift.errors import BaselineNotFound, NothingLogged
from services.drift.listing.merging import Merged
from services.drift.listing.users import Users
from services.drift.making.header import declared
from services.drift.making.logged import Logged
from services.drift.making.maker import Draft, check_importance
from services.drift.making.recounting import recount
from services.drift.observed import models_asked, rows_of
from services.drift.profile_store import ProfileStore
from services.drift.rows import One
from services.drift.segments import segment_asked
from services.drift.spelling import is_of
from services.drift.uploading.wishes import Kind
from services.drift.wire import seconds
from services.foundation.errors import InvalidArgument
from services.state.moments import moment
from services.state.records import SETTLED_SECONDS, RecordStore

# Some seconds of reading, and enough for cells that 256 times as many rows would hardly place otherwise.
MOST_ROWS = 50_000
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Windows:
    """Reads windows. `now` is in seconds since 1970."""

    baselines: BaselineStore
    profiles: ProfileStore
    records: RecordStore
    users: Users
    now: Callable[[], float]

    async def measured(self, request: rpc.CreateBaselineRequest, model: Model) -> Draft:
        """What was logged in the request's window makes. Raises InvalidArgument, NothingLogged,
        StateUnavailable, NewerFormat."""
        start, end = self._times(request.window)
        segment = segment_asked(request)
        current = await self._active(model, segment)
        if current and not request.window.refreeze:
            draft = await self._counted(request, current, start, end)
        else:
            draft = await self._read(request, model, current, start, end)
        check_importance(request.importance, [feature.name for feature in draft.features])
        return draft

    async def _active(self, model: Model, segment: Segment | None) -> Baseline | None:
        try:
            return await self.baselines.get_active(model.name, model.uid, segment)
        except BaselineNotFound:
            return None

    async def _counted(
        self, request: rpc.CreateBaselineRequest, current: Baseline, start: float, end: float
    ) -> Draft:
        _check_outputs(request, current)
        profile = await self.profiles.window(current, cover(start, end, self.now()))
        if not profile.rows:
            raise NothingLogged(
                f"nothing was counted on {current.name} in the window: choose another window, or refreeze to "
                "read the logged predictions themselves",
                baseline=current.name,
            )
        features, nothing = recount(current, profile)
        weighted = [
            replace(one, importance=request.importance.get(one.name, one.importance)) for one in features
        ]
        said = tuple(f"Feature {name!r} was left out: it has no value that counts." for name in nothing)
        if not features:
            raise NothingLogged("no feature has a value in the window", baseline=current.name)
        return Draft(profile.rows, weighted, Source.WINDOW, current.segment, said)

    async def _read(
        self,
        request: rpc.CreateBaselineRequest,
        model: Model,
        current: Baseline | None,
        start: float,
        end: float,
    ) -> Draft:
        segment = segment_asked(request)
        kinds = _kinds(model, current or await self._active(model, None))
        logged, more = Logged(declared(model), kinds), False
        names = kinds.keys() | declared(model).keys()
        async for rows in self._rows(model, segment, start, end, names):
            if logged.rows >= MOST_ROWS:
                more = True
                break
            logged.add(rows)
        roles = {Role.PREDICTION: request.prediction_column, Role.SCORE: request.score_column}
        features, said = await asyncio.to_thread(
            logged.features, request.importance, {role: name for role, name in roles.items() if name}
        )
        if not features:
            of = f" of the segment {segment.name} = {segment.value!r}" if segment else ""
            raise NothingLogged(
                f"no prediction of {model.name}{of} was logged in the window, until five seconds ago, with a "
                "feature or answer that can be counted",
                model=model.name,
            )
        if more:
            said.append(f"Of the window's rows only the {logged.rows:,} newest were read.")
        return Draft(logged.rows, features, Source.WINDOW, segment, tuple(said))

    async def _rows(
        self, model: Model, segment: Segment | None, start: float, end: float, features: Collection[str]
    ) -> AsyncIterator[One]:
        columns = tuple(feature.name for feature in model.signature.features)
        uids = [model.uid, *await self.users.of(model.uid, start)]
        names, token = Merged(self.records, uids, start), ""
        while True:
            page = await self.records.page(
                names.names, "window", self.now() - SETTLED_SECONDS, page_size=PAGE, page_token=token
            )
            for record in page.records:
                event = record.event
                time = seconds(event.event_time if event.HasField("event_time") else event.time)
                here = segment is None or is_of(event.segments.get(segment.name), segment.value)
                if here and start <= time < end and model.name in models_asked(event):
                    said = said_by(event, model.name, model.signature.outputs)
                    for rows in rows_of(event, columns, said, features):
                        yield rows
            token = page.next_page_token
            if not token:
                return

    def _times(self, window: rpc.BaselineWindow) -> tuple[float, float]:
        if not window.HasField("start_time"):
            wrong = [("window.start_time", "is required")]
            raise InvalidArgument("window.start_time is required", fields=wrong)
        start = moment(window.start_time, "window.start_time")
        end = moment(window.end_time, "window.end_time") if window.HasField("end_time") else self.now()
        if start >= end:
            said = "must lie before window.end_time"
            raise InvalidArgument(f"window.start_time {said}", fields=[("window.start_time", said)])
        return start, end


def _kinds(model: Model, current: Baseline | None) -> Mapping[str, Kind]:
    """Kinds of the features that the signature has, or else a baseline: as such traffic is counted."""
    known = {
        one.name: Kind.NUMERIC if isinstance(one.frame, Grid) else Kind.CATEGORICAL
        for one in (current.features if current else ())
        if one.role is Role.FEATURE
    }
    return known | {name: kind for name, kind in declared(model).items() if kind}


def _check_outputs(request: rpc.CreateBaselineRequest, current: Baseline) -> None:
    own = {feature.role: feature.name for feature in current.features}
    asked = {
        "prediction_column": (request.prediction_column, own.get(Role.PREDICTION)),
        "score_column": (request.score_column, own.get(Role.SCORE)),
    }
    for field, (name, known) in asked.items():
        if name and name != known:
            said = f"is {known!r} in {current.name}, whose cells are used; refreeze to name it anew"
            raise InvalidArgument(f"{field} {said}", fields=[(field, said)])
