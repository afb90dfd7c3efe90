"""Questions that several commands ask."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
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

    def page(token: str, size: int) -> Message:
        return analysis_pb2.ListResultsRequest(model=model, status=status, page_size=size, page_token=token)

    return await _listed(suite, "ListResults", "results", most, page)


async def baselines(suite: Suite, model: str, most: int) -> list[Baseline]:
    """At most so many baselines, newest first."""

    def page(token: str, size: int) -> Message:
        return baseline_rpc_pb2.ListBaselinesRequest(model=model, page_size=size, page_token=token)

    return await _listed(suite, "ListBaselines", "baselines", most, page)


async def alerts(suite: Suite, request: ListAlertsRequest, most: int) -> list[Alert]:
    """At most so many alerts, newest first."""

    def page(token: str, size: int) -> Message:
        asked = ListAlertsRequest(page_size=size, page_token=token)
        asked.MergeFrom(request)
        return asked

    return await _listed(suite, "ListAlerts", "alerts", most, page)


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


async def _listed(
    suite: Suite, method: str, field: str, most: int, page: Callable[[str, int], Message]
) -> list[Any]:
    found: list[Any] = []
    token = ""
    while len(found) < most:
        reply = await suite.ask(method, page(token, min(PAGE, most - len(found))))
        found += getattr(reply, field)
        if not (token := reply.next_page_token):
            break
    return found[:most]
