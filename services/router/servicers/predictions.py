"""RouterService, predictions: as they were logged, as they are made, and as a file."""

import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing

from turnout.inference.v1.event_pb2 import PredictionRecord
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import REDACTION_FULL, REDACTION_HASHED, REDACTION_NONE, Router

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.router.execution.large import PREFIX
from services.router.execution.requests import check_entity
from services.router.logbook.export import export
from services.router.logbook.wanted import UnknownFilter, Wanted, known
from services.router.managing.changes import find_variant
from services.router.managing.office import Desk
from services.state.errors import PredictionNotFound
from services.state.moments import moment
from services.state.names import resource_name
from services.state.records import SETTLED_SECONDS, Sift


class NoTimeBetween(InvalidArgument):
    """What is asked for ends before it begins."""


class Predictions(Desk):
    """Reads records, which drift writes, and events on their way to it."""

    async def GetPrediction(self, request: rpc.GetPredictionRequest, call: Call) -> rpc.GetPredictionResponse:
        """Read one, a failed one too."""
        record = await self.office.records.read(request.prediction_id)
        if record is None:
            said = f"there is no record of prediction {request.prediction_id}, or not yet"
            raise PredictionNotFound(said, prediction_id=request.prediction_id)
        return rpc.GetPredictionResponse(prediction=record)

    async def ListPredictions(
        self, request: rpc.ListPredictionsRequest, call: Call
    ) -> rpc.ListPredictionsResponse:
        """A page of a router's, newest first."""
        known(request.outcome, rpc.PredictionOutcome, "outcome")
        known(request.truth, rpc.TruthState, "truth")
        check_entity(request.entity_id)
        router = await self._router(request.router)
        _refuse_hidden(router, request.entity_id)
        wanted = Wanted(request.variant, request.outcome, request.entity_id)
        start, end = _times(request)
        page = await self.office.records.list(
            router.uid,
            time.time(),
            start=start,
            end=end,
            page_size=request.page_size,
            page_token=request.page_token,
            filters=repr((*wanted, request.truth)),
            keep=lambda record: wanted.passes(record.event),
            sift=self._sift(request.truth),
        )
        return rpc.ListPredictionsResponse(predictions=page.records, next_page_token=page.next_page_token)

    async def WatchPredictions(
        self, request: rpc.WatchPredictionsRequest, call: Call
    ) -> AsyncIterator[rpc.WatchPredictionsResponse]:
        """Those that are made from now on, until the router is deleted."""
        known(request.outcome, rpc.PredictionOutcome, "outcome")
        router = await self._router(request.router)
        if request.variant:
            # Former variants have records; of one that is not there nothing would ever be told.
            find_variant(router, request.variant, "variant")
        visible = self.office.permissions.shown(call.caller)
        watch = self.office.feed.watch(router.uid, Wanted(request.variant, request.outcome).passes)
        async with aclosing(watch) as predictions:
            async for told in predictions:
                # Who loses the right to see it while he watches hears nothing more.
                if not visible(router.name):
                    raise self.office.drafts.routers.kind.missing(router.name, "router")
                yield told

    async def ExportPredictions(
        self, request: rpc.ExportPredictionsRequest, call: Call
    ) -> AsyncIterator[rpc.ExportPredictionsResponse]:
        """Decisions, propensities, answers, truth and rewards, oldest first, one row each."""
        known(request.format, rpc.ExportFormat, "format")
        router = await self._router(request.router)
        start, end = _times(request)
        settled = time.time() - SETTLED_SECONDS
        within = start, settled if end is None else min(end, settled)
        async with aclosing(export(self.office.archive, router, within, request.format)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _router(self, given: str) -> Router:
        name = resource_name("routers", given, "router")
        return await self.office.drafts.routers.read(name, field="router")

    def _sift(self, truth: rpc.TruthState) -> Sift | None:
        if not truth:
            return None

        async def sift(records: Sequence[PredictionRecord]) -> Collection[str]:
            matched = await self.office.archive.truths.known(records)
            names = [record.event.manifest.prediction_id for record in records]
            return [name for name in names if (name in matched) == (truth == rpc.TRUTH_STATE_MATCHED)]

        return sift


def _refuse_hidden(router: Router, entity_id: str) -> None:
    """Raise UnknownFilter for an entity whose id is hashed in the log, or not there. It is not hashed for the
    caller: nobody is to find out by asking whether somebody whom he guesses was here."""
    hidden = router.log.redact.get("entity_id", REDACTION_FULL) in (REDACTION_HASHED, REDACTION_NONE)
    if entity_id and hidden and not entity_id.startswith(PREFIX):
        said = (
            f"{router.name} does not log it (log.redact), so it leads nowhere; give the hash that is logged"
        )
        raise UnknownFilter(f"entity_id: {said}", fields=[("entity_id", said)])


def _times(request: rpc.ListPredictionsRequest | rpc.ExportPredictionsRequest) -> tuple[float, float | None]:
    start = moment(request.start_time, "start_time") if request.HasField("start_time") else 0.0
    end = moment(request.end_time, "end_time") if request.HasField("end_time") else None
    if end is not None and start >= end:
        said = "must lie before end_time"
        raise NoTimeBetween(f"start_time: {said}", fields=[("start_time", said)])
    return start, end
