"""The chart as far as it can be judged without Helm: what it says of itself, and what its values may be."""

import json
import re
from typing import Any

import jsonschema
import pytest
import yaml

from services.foundation.configuration import common_keys
from tests.deploy_files.chart import CHART, KINDS, ROOT, VERSIONS
from tests.deploy_files.conftest import VALUES
from tests.deploy_files.schema import SAID, SCHEMA, definitions


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(SCHEMA.read_text())
    return told


def merged(over: Any, values: Any) -> Any:
    """As Helm does it."""
    if not isinstance(over, dict) or not isinstance(values, dict):
        return over
    return {**values, **{key: merged(value, values.get(key)) for key, value in over.items()}}


def read(name: str) -> Any:
    return yaml.safe_load((CHART / name).read_text())


def test_the_chart_installs_this_version() -> None:
    chart = read("Chart.yaml")
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert chart["apiVersion"] == "v2"
    assert chart["appVersion"] == version
    assert chart["kubeVersion"] == f">={VERSIONS[0]}.0-0"


def test_the_schema_is_one(schema: dict[str, Any]) -> None:
    jsonschema.Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("values", VALUES)
def test_values_are_what_the_schema_allows(schema: dict[str, Any], values: str) -> None:
    told = merged(yaml.safe_load(VALUES[values].read_text()), read("values.yaml"))
    jsonschema.Draft7Validator(schema).validate(told)


def test_the_schema_knows_every_value_and_no_other(schema: dict[str, Any]) -> None:
    def beside(known: dict[str, Any], values: Any, path: str) -> list[str]:
        if "$ref" in known:
            known = schema["$defs"][known["$ref"].rpartition("/")[2]]
        if not isinstance(values, dict) or "settings" in path or "properties" not in known:
            return []
        off = [f"{path}.{key}" for key in known["properties"].keys() ^ values.keys() if key != "global"]
        pairs = ((key, known["properties"][key]) for key in known["properties"].keys() & values.keys())
        return off + [said for key, each in pairs for said in beside(each, values[key], f"{path}.{key}")]

    assert beside(schema, read("values.yaml"), "") == []


def test_the_schema_has_the_settings_as_they_are(schema: dict[str, Any]) -> None:
    """If not: python -m tests.deploy_files.schema."""
    assert {name: schema["$defs"][name] for name in definitions()} == definitions()


def test_what_the_chart_says_itself_is_a_setting() -> None:
    known = {key for kind in KINDS.values() for key in kind.model_fields}
    assert known >= SAID
    assert {key for key in SAID if key in common_keys(KINDS["router"])}


def test_every_value_is_used() -> None:
    """A value that does nothing is a lie."""
    templates = "\n".join(path.read_text() for path in (CHART / "templates").rglob("*") if path.is_file())
    unused = [
        f"{top}.{key}"
        for top, told in read("values.yaml").items()
        if top != "settings"
        for key in (told if isinstance(told, dict) else {})
        if not re.search(rf"\.{key}\b", templates)
    ]
    assert unused == []


def test_rules_and_dashboards_are_those_that_compose_has() -> None:
    assert (CHART / "files/alerts.yml").resolve() == ROOT / "deploy/prometheus/alerts.yml"
    assert (CHART / "files/dashboards").resolve() == ROOT / "deploy/grafana/dashboards"
