"""Pages of a model's predictions, each with the truth that is known of it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from turnout.drift.v1 import logging_pb2 as rpc
from turnout.inference.v1.event_pb2 import PredictionRecord, TruthEntry
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.drift.listing.merging import Merged
from services.drift.listing.users import Users
from services.drift.observed import models_asked
from services.drift.segments import segment_asked
from services.drift.spelling import is_of
from services.foundation.errors import InvalidArgument
from services.state import ids
from services.state.config_reader import ConfigReader
from services.state.moments import moment
from services.state.names import resource_name
from services.state.records import SETTLED_SECONDS, RecordStore, Sift
from services.state.reporter import Reporter
from services.state.truths import TruthReader

UNMATCHED, MATCHED = rpc.GROUND_TRUTH_STATE_UNMATCHED, rpc.GROUND_TRUTH_STATE_MATCHED
LONGEST_KEY = 256

Asked: TypeAlias = rpc.ListPredictionsRequest | rpc.ListUnmatchedPredictionsRequest
# Whether the caller may see an event's prediction; None where everybody may.
May: TypeAlias = Reporter | None


class Listed(NamedTuple):
    """A page, newest first, with the truths of each, and the token of the next one."""

    records: Sequence[PredictionRecord]
    truths: Sequence[Sequence[TruthEntry]]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Lists predictions. `now` is in seconds since 1970."""

    routers: ConfigReader[Router]
    records: RecordStore
    users: Users
    truths: TruthReader
    now: Callable[[], float]

    async def page(self, request: Asked, model: Model, truth: int, may: May) -> Listed:
        """A page as the request asks for it. Raises InvalidArgument, BadPageToken, RouterNotFound,
        StateUnavailable, NewerFormat."""
        start, end = _times(request)
        _check(request)
        uids = await self._made_by(request, model, start, may)
        settled = self.now() - SETTLED_SECONDS
        page = await self.records.page(
            Merged(self.records, uids, start).names,
            _filters(request, model, truth),
            settled if end is None else min(end, settled),
            page_size=request.page_size,
            page_token=request.page_token,
            keep=_keep(request, model, may),
            sift=self._sift(truth),
        )
        known = {} if truth == UNMATCHED else await self.truths.read(page.records)
        truths = [_of(record, known) for record in page.records]
        return Listed(page.records, truths, page.next_page_token)

    async def _made_by(self, request: Asked, model: Model, start: float, may: May) -> Sequence[str]:
        """Whose predictions are looked through: routers, and the model where they were made outside."""
        if request.outside:
            return [model.uid]
        if request.router:
            name = resource_name("routers", request.router, "router")
            router = await self.routers.read(name, deleted=True, field="router")
            if may is not None and not may.sees(router):
                raise self.routers.kind.missing(name, "router")
            return [router.uid]
        return [model.uid, *await self.users.of(model.uid, start)]

    def _sift(self, truth: int) -> Sift | None:
        if not truth:
            return None

        async def sift(records: Sequence[PredictionRecord]) -> Collection[str]:
            matched = await self.truths.known(records)
            names = [record.event.manifest.prediction_id for record in records]
            return [name for name in names if (name in matched) == (truth == MATCHED)]

        return sift


def _keep(request: Asked, model: Model, may: May) -> Callable[[PredictionRecord], bool]:
    born = model.create_time.ToNanoseconds() / 1e9
    segment = segment_asked(request)

    def keep(record: PredictionRecord) -> bool:
        event = record.event
        outside = event.router_uid == model.uid
        # Another model may have had the name before; what was made outside belongs to this one by its uid.
        if not outside and ids.time_of(event.manifest.prediction_id) < born:
            return False
        return (
            (outside or model.name in models_asked(event))
            and (segment is None or is_of(event.segments.get(segment.name), segment.value))
            and request.entity_id in ("", event.entity_id)
            and request.external_id in ("", event.external_id)
            and (may is None or may(event))
        )

    return keep


def _filters(request: Asked, model: Model, truth: int) -> str:
    """A text of everything that decides what is listed."""
    bare: Any = type(request).FromString(request.SerializeToString())
    for field in ("model", "page_size", "page_token"):
        bare.ClearField(field)
    return f"predictions {model.uid} {truth} {bare.SerializeToString(deterministic=True).hex()}"


def _times(request: Asked) -> tuple[float, float | None]:
    start = moment(request.start_time, "start_time") if request.HasField("start_time") else 0.0
    end = moment(request.end_time, "end_time") if request.HasField("end_time") else None
    if end is not None and start >= end:
        raise _wrong("start_time", "must lie before end_time")
    return start, end


def _check(request: Asked) -> None:
    truth = request.truth if isinstance(request, rpc.ListPredictionsRequest) else UNMATCHED
    if truth not in rpc.GroundTruthState.values():
        raise _wrong("truth", f"one of {', '.join(rpc.GroundTruthState.keys())} expected, got {truth}")
    if request.router and request.outside:
        raise _wrong("outside", "goes without router: what was made outside no router made")
    # Without a value it would be that of no prediction.
    segment_asked(request)
    for field, value in (("entity_id", request.entity_id), ("external_id", request.external_id)):
        if len(value) > LONGEST_KEY:
            raise _wrong(field, f"at most {LONGEST_KEY} characters, got {len(value):,}")


def _wrong(field: str, said: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {said}", fields=[(field, said)])


def _of(record: PredictionRecord, known: dict[tuple[str, int], TruthEntry]) -> Sequence[TruthEntry]:
    name = record.event.manifest.prediction_id
    rows = ((name, row) for row in range(max(1, record.event.rows)))
    return [known[row] for row in rows if row in known]
