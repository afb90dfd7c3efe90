"""Makes baselines, and keeps them."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from turnout.drift.v1 import baseline_pb2
from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from services.drift.baseline_store import BaselineStore
from services.drift.baselines import Baseline, Feature, Role, Segment, Source, measure_columns
from services.drift.making.aggregates import read_aggregates
from services.drift.making.header import declared
from services.drift.making.remarks import remarks
from services.drift.segments import segment_asked
from services.drift.wire import read_columns, show_baseline
from services.foundation.errors import InvalidArgument
from services.state.ids import new_uid
from services.state.names import ID, ID_RULE
from services.state.once import Once

SOURCES = ("columns", "aggregates", "window")


class Use(Enum):
    """What a new baseline is for at once: to compare with, to count on beside the active one, or nothing."""

    ACTIVE = 1
    COUNTED = 2
    IDLE = 3


@dataclass(frozen=True, slots=True)
class Draft:
    """What a baseline is to say, before it has a name."""

    rows: int
    features: Sequence[Feature]
    source: Source
    segment: Segment | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes and keeps. `now` is in seconds since 1970."""

    baselines: BaselineStore
    now: Callable[[], float]
    rng: random.Random

    async def measured(self, request: rpc.CreateBaselineRequest, model: Model) -> Draft:
        """What the request's columns or counts make. Raises InvalidArgument."""
        roles, names = roles_asked(request), list(declared(model))
        segment = segment_asked(request)
        if request.HasField("aggregates"):
            check_importance(
                request.importance, [*request.aggregates.numeric, *request.aggregates.categorical]
            )
            rows, features = await asyncio.to_thread(
                read_aggregates, request.aggregates, request.importance, names, roles
            )
            return Draft(rows, features, Source.AGGREGATES, segment)
        numeric, categorical = read_columns(request.columns)
        # Up to a second for a wide table: others want to be answered meanwhile.
        rows, features = await asyncio.to_thread(
            measure_columns, numeric, categorical, request.importance, names, roles
        )
        return Draft(rows, features, Source.COLUMNS, segment)

    def named(self, drafts: Sequence[Draft], model: Model, own: str, description: str) -> list[Baseline]:
        """Drafts as baselines of the model: the first has the id, the others have it with a number."""
        now, made = self.now(), list[Baseline]()
        for place, draft in enumerate(drafts):
            uid = new_uid(now, self.rng)
            own = own or f"b-{uid}"
            made.append(
                Baseline(
                    uid,
                    f"{own}-s{place}" if place else own,
                    model.name,
                    model.uid,
                    draft.rows,
                    tuple(draft.features),
                    now,
                    description,
                    draft.segment,
                    draft.source,
                    (*draft.warnings, *remarks(draft.rows, draft.features)),
                )
            )
        return made

    async def keep(
        self, made: Sequence[Baseline], change: Once | None, use: Use
    ) -> list[baseline_pb2.Baseline]:
        """Keep them, all or none, and use them from now on; as they are shown.
        Raises NameTaken, RequestIdReused, StoreFull, StateUnavailable."""
        if use is not Use.IDLE:
            # Before they are kept: who is refused wants nothing to be left of it.
            await self.baselines.check_room(made, change, beside=use is Use.COUNTED)
        kept, used = await self.baselines.create(made, change)
        if use is Use.ACTIVE and not used:
            await self.baselines.activate(kept, change)
        if use is Use.COUNTED and not used:
            await self.baselines.count(kept, change)
        counted = await self.baselines.counted(made[0].model_uid)
        return [show_baseline(one, counted) for one in kept]


def use_asked(request: rpc.CreateBaselineRequest | rpc.UploadBaselineHeader, path: str = "") -> Use:
    """What the new baselines are for. path: of the message in its request. Raises InvalidArgument where they
    are to be counted and active."""
    if request.activate or not request.HasField("activate"):
        if request.counted:
            raise counted_anyway(path)
        return Use.ACTIVE
    return Use.COUNTED if request.counted else Use.IDLE


def counted_anyway(path: str = "") -> InvalidArgument:
    """Somebody who wants a baseline counted, and left out that it is not to be active yet."""
    said = "goes with activate false, which counts traffic on it beside the active one; that one always is"
    return InvalidArgument(f"{path}counted {said}", fields=[(f"{path}counted", said)])


def check_source(request: rpc.CreateBaselineRequest) -> None:
    """Raises InvalidArgument unless the request has exactly one of what a baseline is made from."""
    given = [name for name in SOURCES if request.HasField(name)]
    if len(given) > 1:
        said = f"are given together; a baseline is made from one of {', '.join(SOURCES)}"
        raise InvalidArgument(f"{' and '.join(given)} {said}", fields=[(name, said) for name in given])


def roles_asked(request: rpc.CreateBaselineRequest) -> Mapping[str, Role]:
    """What the model's outputs are called. Raises InvalidArgument for a column that is not there."""
    numeric = [*request.columns.numeric, *request.aggregates.numeric]
    categorical = [*request.columns.categorical, *request.aggregates.categorical]
    asked = {
        "prediction_column": (request.prediction_column, categorical, "categorical"),
        "score_column": (request.score_column, numeric, "numeric"),
    }
    for place, (name, columns, kind) in asked.items():
        if name and name not in columns and not request.HasField("window"):
            said = f"{name!r} is no {kind} column; those are {', '.join(sorted(columns)[:20]) or 'none'}"
            raise InvalidArgument(f"{place} {said}", fields=[(place, said)])
    roles = {request.prediction_column: Role.PREDICTION, request.score_column: Role.SCORE}
    return {name: role for name, role in roles.items() if name}


def check_importance(importance: Mapping[str, float], names: Sequence[str]) -> None:
    """Raises InvalidArgument for an importance that is none, or of nothing."""
    for name, weight in importance.items():
        said = ""
        if name not in names:
            said = f"is no feature; the features are {', '.join(sorted(names)[:10])}"
        elif not 0 <= weight < float("inf"):
            said = f"must be a number from 0 up, got {weight}"
        if said:
            place = f"importance[{name!r}]"
            raise InvalidArgument(f"{place} {said}", fields=[(place, said)])


def baseline_id(given: str, place: str = "baseline_id", most: int = 63) -> str:
    """An id that somebody chose, or nothing. Raises InvalidArgument."""
    if given and not (ID.fullmatch(given) and len(given) <= most):
        said = f"must be {ID_RULE}; got {given[:100]!r}"
        if len(given) > most:
            said = f"must be at most {most} characters, as baselines of segments have it with a number"
        raise InvalidArgument(f"{place} {said}", fields=[(place, said)])
    return given
