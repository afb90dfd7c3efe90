"""How right a model was over time, and whether it errs more than it used to."""

from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import performance_pb2 as rpc

from services.drift.performance.history import Row, totals
from services.drift.performance.query import query_of
from services.drift.performance.wire import warnings_of, write_point
from services.drift.servicers.ground import Ground
from services.foundation.call import Call


class PerformanceRpcs:
    """Each method: parse, load, decide, save, reply."""

    _ground: Ground

    async def GetPerformanceHistory(
        self, request: rpc.GetPerformanceHistoryRequest, _call: Call
    ) -> rpc.GetPerformanceHistoryResponse:
        """Measured quality by whole hours, days or weeks of the predictions' event times."""
        now = self._ground.now()
        query = query_of(request, now)
        model = await self._ground.model(request.model)
        found = await self._ground.performance.history.read(model.uid, query)
        names = await self._routers(found)
        return rpc.GetPerformanceHistoryResponse(
            model=model.name,
            points=[write_point(query, row, tally, now, names) for row, tally in found.items()],
            totals=[
                write_point(query, row, tally, now, names, whole=True)
                for row, tally in totals(query, found).items()
            ],
            next_page_token=query.token,
            step=query.step,
            start_time=Timestamp(seconds=query.start),
            end_time=Timestamp(seconds=query.end),
            confidence=query.confidence,
            concept=await self._ground.performance.concept.read(model.uid),
            warnings=warnings_of(found.values()),
        )

    async def _routers(self, rows: Iterable[Row]) -> dict[str, str]:
        """Names by uid of the routers that are still there."""
        found = {}
        for uid in {row.router for row in rows if row.router}:
            if router := await self._ground.performance.routers.read_uid(uid):
                found[uid] = router.name
        return found
