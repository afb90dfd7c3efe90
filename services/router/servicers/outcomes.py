"""RouterService, outcomes: what came of predictions goes in through feedback, and is shown by window."""

from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.call import Call
from services.router.managing.drafting import router_name
from services.router.managing.office import Desk


class Outcomes(Desk):
    """Reads what feedback counts, and hands on what callers report."""

    async def GetMetrics(self, request: rpc.GetMetricsRequest, call: Call) -> rpc.GetMetricsResponse:
        """Requests, latencies, rewards, labels and costs of a window, by variant, policy or time."""
        router = await self.office.drafts.routers.read(router_name(request.name))
        return await self.office.reports.of(router, request)

    async def RecordFeedback(
        self, request: rpc.RecordFeedbackRequest, call: Call
    ) -> rpc.RecordFeedbackResponse:
        """Hand it on to the feedback service."""
        return await self.office.feedback.record(request, call)
