"""What stands in deploy/: the queries of dashboards, the rules, and which metrics they name."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
PROVISIONING = ROOT / "deploy/grafana/provisioning"
COLLECTOR = ROOT / "deploy/otel/collector.yaml"
OPERATIONS = ROOT / "docs/operations"

_METRIC = re.compile(r"\b(?:turnout|ensemble|process)_[a-z0-9_]+\b")
# What a histogram is shown as, beside its name.
_PARTS = re.compile(r"_(?:bucket|count|sum)$")


class Query(NamedTuple):
    """A question of a dashboard: on which, in which panel, in PromQL with Grafana's variables."""

    board: str
    panel: str
    expr: str

    def filled(self, interval: str) -> str:
        """As Grafana sends it, with everything selected."""
        return re.sub(r"\$(?:router|model)\b", ".*", self.expr.replace("$__rate_interval", interval))


@cache
def boards() -> Mapping[str, Any]:
    """The dashboards by file name."""
    return {path.stem: json.loads(path.read_text()) for path in DASHBOARDS}


def queries() -> Iterator[Query]:
    """Those of every panel, and of what variables offer."""
    for name, board in boards().items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield Query(name, panel["title"], target["expr"])


@cache
def rules() -> list[dict[str, Any]]:
    """Recording rules and alerts, in their order."""
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """The alerts among them."""
    return [rule for rule in rules() if "alert" in rule]


def metrics_in(expr: str) -> set[str]:
    """The names that processes export, of those in a query; a histogram without its endings."""
    named = set(_METRIC.findall(re.sub(r'"[^"]*"', '""', expr)))
    return {_PARTS.sub("", name) for name in named}
