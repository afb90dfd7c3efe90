"""A real Prometheus watches a suite on which something happens: every query of the dashboards returns data,
and every rule is evaluated over series that are there. Only by `make observability`."""

import asyncio
import os
import re

import pytest

from tests.observability.files import OPERATIONS, alerts, metrics_in, queries, rules
from tests.observability.server import Prometheus
from tests.stories.suite import Suite
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(not os.environ.get("OBSERVABILITY_NEEDED"), reason="make observability")

# Nothing sound writes these: they have no series until something is wrong, and their alerts no data.
ONLY_IN_TROUBLE = {
    "turnout_unexpected_errors_total",
    "turnout_rpc_shed_total",
    "turnout_notifications_total",
    "turnout_certificate_expiry_timestamp_seconds",
}
# What Grafana would take for $__rate_interval at a scrape a second, and room for a busy machine.
INTERVAL = "30s"


async def test_every_worker_is_a_target_under_its_services_name(suite: Suite, prometheus: Prometheus) -> None:
    found = await prometheus.query("count by (job) (up == 1)")
    assert {one["metric"]["job"]: int(one["value"][1]) for one in found} == {
        service: len(urls) for service, urls in suite.ready["metrics"].items()
    }
    assert len(suite.ready["metrics"]["router"]) == 2


async def test_every_query_of_the_dashboards_returns_data(prometheus: Prometheus) -> None:
    left = list(queries())

    async def none() -> bool:
        # One that has answered is not asked again: some show only what has just happened.
        left[:] = [query for query in left if not await prometheus.query(query.filled(INTERVAL))]
        assert [f"{query.board}, {query.panel}: {query.expr}" for query in left] == []
        return True

    await eventually(none, within=150)


async def test_every_query_of_the_runbooks_can_be_asked(prometheus: Prometheus) -> None:
    text = (OPERATIONS / "runbooks.md").read_text()
    asked = [
        line
        for block in re.findall(r"^```promql\n(.*?)^```", text, re.M | re.S)
        for line in block.splitlines()
    ]
    assert len(asked) > len(alerts())
    for expr in asked:
        await prometheus.query(expr)


async def test_every_rule_is_evaluated_without_an_error(prometheus: Prometheus) -> None:
    found = await prometheus.ask("rules")
    there = {rule["name"]: rule for group in found["groups"] for rule in group["rules"]}
    assert set(there) == {rule.get("alert") or rule["record"] for rule in rules()}
    assert {name: rule["lastError"] for name, rule in there.items() if rule.get("lastError")} == {}


@pytest.mark.parametrize("alert", [alert["alert"] for alert in alerts()])
async def test_the_series_of_an_alert_are_there(prometheus: Prometheus, alert: str) -> None:
    (expr,) = [one["expr"] for one in alerts() if one["alert"] == alert]
    await prometheus.query(expr)
    for name in metrics_in(expr) - ONLY_IN_TROUBLE:
        found = await asyncio.gather(*(prometheus.query(f"{name}{part}") for part in ("", "_bucket")))
        assert any(found), f"{name} of {alert}"


async def test_what_is_wrong_here_is_what_fires_or_is_about_to(prometheus: Prometheus) -> None:
    """A model was broken on purpose; nothing else is wrong."""

    async def pending() -> bool:
        found = {one["labels"]["alertname"] for one in (await prometheus.ask("alerts"))["alerts"]}
        assert "TurnoutModelEjected" in found
        assert found & {"TurnoutRedisUnreachable", "TurnoutProcessDown", "TurnoutReplicaBehind"} == set()
        return True

    await eventually(pending, within=30)
