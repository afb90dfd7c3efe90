"""Handing feedback on to the feedback service, whose words come back as they are."""

from turnout.feedback.v1 import feedback_service_pb2 as feedback
from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.call import Call
from services.foundation.client import Client
from services.foundation.errors import RemoteUnavailable, Unavailable
from services.foundation.fellow import Fellowship
from services.foundation.telemetry import Telemetry

SERVICE = "turnout.feedback.v1.FeedbackService"
# A process that died is back within a second or two.
RETRY_SECONDS = 1.0


class FeedbackDoor:
    """A channel to the feedback service. Feedback that is sent twice counts once, so the transport may repeat
    it."""

    def __init__(self, target: str, telemetry: Telemetry, fellowship: Fellowship) -> None:
        self._client = Client(target, telemetry=telemetry, **fellowship)
        self._record = self._client.unary(SERVICE, "RecordFeedback")

    async def record(self, request: rpc.RecordFeedbackRequest, call: Call) -> rpc.RecordFeedbackResponse:
        """Record it within the caller's deadline.

        Raises RemoteError with what the feedback service finds wrong, Unavailable if it cannot be reached.
        """
        try:
            reply = await self._record(handed_on(request), timeout=call.remaining(), call=call)
        except RemoteUnavailable as failed:
            if failed.retry_after is not None:
                raise
            raise Unavailable(
                "the feedback service cannot be reached now; the same feedback again counts once",
                retry_after=RETRY_SECONDS,
                prediction_id=request.prediction_id,
            ) from failed
        return answered(reply)

    async def close(self) -> None:
        """Close the channel."""
        await self._client.close()


def handed_on(request: rpc.RecordFeedbackRequest) -> feedback.RecordFeedbackRequest:
    """The same request in the words of the feedback service."""
    made = feedback.RecordFeedbackRequest(
        prediction_id=request.prediction_id,
        row=request.row,
        feedback_id=request.feedback_id,
        router=request.router,
        external_id=request.external_id,
        entity_id=request.entity_id,
    )
    match request.WhichOneof("outcome"):
        case "reward":
            made.reward = request.reward
        case "metric":
            made.metric.name = request.metric.name
            if request.metric.HasField("value"):
                made.metric.value = request.metric.value
        case "truth":
            made.truth.CopyFrom(request.truth)
    if request.HasField("observed_at"):
        made.observed_at.CopyFrom(request.observed_at)
    if request.HasField("event_time"):
        made.event_time.CopyFrom(request.event_time)
    return made


def answered(reply: feedback.RecordFeedbackResponse) -> rpc.RecordFeedbackResponse:
    """The same reply in the words of the router."""
    return rpc.RecordFeedbackResponse(
        status=feedback.FeedbackStatus.Name(reply.status).removeprefix("FEEDBACK_STATUS_"),
        feedback_id=reply.feedback_id,
        router=reply.router,
        variant=reply.variant,
        durability=reply.durability,
        prediction_id=reply.prediction_id,
    )
