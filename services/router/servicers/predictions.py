"""RouterService, predictions: as they were logged."""

import time

from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.call import Call
from services.router.failures import PredictionNotFound
from services.router.office import Desk
from services.state.moments import moment
from services.state.names import resource_name


class Predictions(Desk):
    """Reads records, which drift writes."""

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
        router = await self.office.drafts.routers.read(
            resource_name("routers", request.router, "router"), field="router"
        )
        variant = request.variant
        page = await self.office.records.list(
            router.uid,
            time.time(),
            start=moment(request.start_time, "start_time") if request.HasField("start_time") else 0.0,
            end=moment(request.end_time, "end_time") if request.HasField("end_time") else None,
            page_size=request.page_size,
            page_token=request.page_token,
            filters=variant,
            keep=lambda record: not variant or record.event.manifest.decision.variant == variant,
        )
        return rpc.ListPredictionsResponse(predictions=page.records, next_page_token=page.next_page_token)
