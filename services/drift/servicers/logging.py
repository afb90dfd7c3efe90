"""Predictions that were made elsewhere go in; those of a model, wherever they were made, come out."""

from collections.abc import AsyncIterator

from turnout.drift.v1 import logging_pb2 as rpc

from services.drift.listing.door import UNMATCHED
from services.drift.servicers.ground import Ground
from services.foundation.call import Call
from services.foundation.rules import Role


class LoggingRpcs:
    """Each method: parse, load, decide, save, reply."""

    _ground: Ground

    async def LogPrediction(
        self, request: rpc.LogPredictionRequest, _call: Call
    ) -> rpc.LogPredictionResponse:
        """Log a prediction as if a router had made it; acknowledged means that Redis has it."""
        logged = await self._ground.intake.door.take(request)
        return rpc.LogPredictionResponse(prediction_id=logged.prediction_id, duplicate=logged.duplicate)

    async def LogPredictions(
        self, requests: AsyncIterator[rpc.LogPredictionsRequest], call: Call
    ) -> rpc.LogPredictionsResponse:
        """Log a stream of them; each is answered for itself."""
        intake = self._ground.intake
        return await intake.streams.take(requests, intake.demand(call))

    async def ListPredictions(
        self, request: rpc.ListPredictionsRequest, call: Call
    ) -> rpc.ListPredictionsResponse:
        """A page of a model's predictions, whoever made them, newest first, with their truth."""
        model, intake = await self._ground.model(request.model), self._ground.intake
        listed = await intake.listing.page(request, model, request.truth, intake.may(call, Role.VIEWER))
        return rpc.ListPredictionsResponse(
            predictions=[
                rpc.MatchedPrediction(prediction=record, truths=truths)
                for record, truths in zip(listed.records, listed.truths, strict=True)
            ],
            next_page_token=listed.next_page_token,
        )

    async def ListUnmatchedPredictions(
        self, request: rpc.ListUnmatchedPredictionsRequest, call: Call
    ) -> rpc.ListUnmatchedPredictionsResponse:
        """The same of those whose truth is not known."""
        model, intake = await self._ground.model(request.model), self._ground.intake
        listed = await intake.listing.page(request, model, UNMATCHED, intake.may(call, Role.VIEWER))
        return rpc.ListUnmatchedPredictionsResponse(
            predictions=listed.records, next_page_token=listed.next_page_token
        )
