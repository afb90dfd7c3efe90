"""Questions that several commands ask."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from turnout.drift.v1 import analysis_pb2, baseline_rpc_pb2
from turnout.drift.v1.baseline_pb2 import Baseline
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
