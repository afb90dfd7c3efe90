"""Questions that several commands ask."""

from turnout.drift.v1 import analysis_pb2, baseline_rpc_pb2
from turnout.drift.v1.alert_pb2 import Alert
from turnout.drift.v1.alert_rpc_pb2 import ListAlertsRequest
from turnout.drift.v1.baseline_pb2 import Baseline
from turnout.drift.v1.performance_pb2 import GetPerformanceHistoryRequest, GetPerformanceHistoryResponse
from turnout.drift.v1.result_pb2 import DriftResult, DriftStatus

from services.cli.connecting import Suite

PAGE = 50


async def latest(suite: Suite, model: str) -> DriftResult:
    """The latest result of a model."""
    reply = await suite.ask("GetLatestResult", analysis_pb2.GetLatestResultRequest(model=model))
    found: DriftResult = reply.result
    return found


async def named(suite: Suite, name: str) -> DriftResult:
    """A result by its full name."""
    found: DriftResult = (await suite.ask("GetResult", analysis_pb2.GetResultRequest(name=name))).result
    return found


async def newest(suite: Suite, model: str, most: int, status: DriftStatus | None = None) -> list[DriftResult]:
    """At most so many results, newest first."""
    request = analysis_pb2.ListResultsRequest(model=model, status=status, all_comparisons=True)
    return await suite.listed("ListResults", "results", request, most, PAGE)


async def baselines(suite: Suite, model: str, most: int) -> list[Baseline]:
    """At most so many baselines, newest first."""
    request = baseline_rpc_pb2.ListBaselinesRequest(model=model)
    return await suite.listed("ListBaselines", "baselines", request, most, PAGE)


async def alerts(suite: Suite, request: ListAlertsRequest, most: int) -> list[Alert]:
    """At most so many alerts, newest first."""
    return await suite.listed("ListAlerts", "alerts", request, most, PAGE)


async def performance(suite: Suite, request: GetPerformanceHistoryRequest) -> GetPerformanceHistoryResponse:
    """The whole history that was asked for: every page, as one answer."""
    found: GetPerformanceHistoryResponse = await suite.ask("GetPerformanceHistory", request)
    pages = found
    while pages.next_page_token:
        asked = GetPerformanceHistoryRequest(page_token=pages.next_page_token)
        asked.MergeFrom(request)
        pages = await suite.ask("GetPerformanceHistory", asked)
        found.points.extend(pages.points)
    # Totals are those of a page, and of the first one only they would be taken for all.
    if found.next_page_token:
        del found.totals[:]
        found.next_page_token = ""
    return found
