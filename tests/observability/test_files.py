"""Dashboards, rules, runbooks and the collector's configuration name what there is, and each other."""

import re
from typing import Any

import pytest
import yaml
from prometheus_client.metrics_core import Metric

from services.foundation.metrics import Metrics
from tests.observability.files import (
    COLLECTOR,
    OPERATIONS,
    PROMETHEUS,
    PROVISIONING,
    alerts,
    boards,
    metrics_in,
    queries,
    rules,
)

SEVERITIES = {"critical", "warning", "info"}


def exported() -> dict[str, Metric]:
    """Every family of a process, by the name of its samples."""
    found = Metrics().registry.collect()
    return {one.name + ("_total" if one.type == "counter" else ""): one for one in found}


def test_every_query_names_metrics_that_processes_have() -> None:
    there = exported()
    asked = {query.expr for query in queries()} | {rule["expr"] for rule in rules()}
    named = {name: expr for expr in asked for name in metrics_in(expr)}
    assert len(named) > 40
    assert {name: expr for name, expr in named.items() if name not in there} == {}


def test_every_metric_of_ours_is_on_a_dashboard_or_in_a_rule() -> None:
    asked = [query.expr for query in queries()] + [rule["expr"] for rule in rules()]
    shown = {name for expr in asked for name in metrics_in(expr)}
    ours = {name for name in exported() if name.startswith(("turnout_", "ensemble_"))}
    # The same in seconds, for who builds upon it; and what is beside a count that is shown.
    beside = {"ensemble_model_duration_seconds", "turnout_panels_total", "turnout_panels_lost_total"}
    assert ours - shown - beside - {"turnout_background_failures_total"} == set()


@pytest.mark.parametrize("name", sorted(boards()))
def test_a_dashboard_can_be_provisioned_anywhere(name: str) -> None:
    board = boards()[name]
    assert board["uid"] == f"turnout-{name}"
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert {panel["type"] for panel in panels} <= {"timeseries", "stat", "bargauge", "state-timeline"}
    sources = {target["datasource"]["uid"] for panel in panels for target in panel["targets"]}
    assert sources == {"turnout-prometheus"}
    assert all(panel["description"] and panel["targets"] for panel in panels)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", sorted(boards()))
def test_panels_of_a_dashboard_do_not_lie_upon_each_other(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in boards()[name]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {
            (place["x"] + across, place["y"] + down)
            for across in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_grafana_is_told_of_the_source_that_dashboards_name() -> None:
    sources = yaml.safe_load((PROVISIONING / "datasources/datasources.yaml").read_text())["datasources"]
    assert {one["uid"]: one["type"] for one in sources} == {
        "turnout-prometheus": "prometheus",
        "turnout-jaeger": "jaeger",
    }
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards/dashboards.yaml").read_text())["providers"]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_is_wrong_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in SEVERITIES
    told = alert["annotations"]
    assert told["runbook_url"] == f"docs/operations/runbooks.md#{alert['alert'].lower()}"
    assert told["summary"]
    # Somebody who was asleep needs a line to paste, or a query.
    assert re.search(
        r"grpcurl|redis-cli|docker compose|openssl|python -m|du -sh|\w\(.*\)|\{.*\}", told["description"]
    )


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    chapters = re.findall(r"^## (Turnout\w+)$", (OPERATIONS / "runbooks.md").read_text(), re.MULTILINE)
    assert chapters == [alert["alert"] for alert in alerts()]


def test_every_alert_is_tested_both_ways() -> None:
    cases = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    names = [case["name"] for case in cases]
    for alert in alerts():
        assert any(name.startswith(f"{alert['alert']} fires: ") for name in names), alert["alert"]
        assert any(name.startswith(f"{alert['alert']} does not: ") for name in names), alert["alert"]


def test_prometheus_asks_each_service_at_its_port_under_its_name() -> None:
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    found = {
        job["job_name"]: place["port"]
        for job in jobs
        for place in job.get("dns_sd_configs", ())
        if place["names"] == [job["job_name"]]
    }
    services = {"router": 9101, "aggregator": 9102, "feedback": 9103, "drift": 9104, "gateway": 9105}
    assert services.items() <= found.items()


def test_the_collectors_pipelines_are_of_parts_that_are_set_up_and_all_of_them() -> None:
    """As far as that goes without the collector itself, which no package index has."""
    told = yaml.safe_load(COLLECTOR.read_text())
    used: dict[str, set[str]] = {"extensions": set(told["service"]["extensions"])}
    for pipeline in told["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            used.setdefault(kind, set()).update(pipeline[kind])
    assert {kind: set(told[kind]) for kind in used} == used
    (traces,) = told["service"]["pipelines"].values()
    # Memory first and batches last, as the collector's own advice has it.
    assert (traces["processors"][0], traces["processors"][-1]) == ("memory_limiter", "batch")
    assert told["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"].endswith(":4317")
