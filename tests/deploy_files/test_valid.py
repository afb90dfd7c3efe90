"""What the chart makes is what Kubernetes takes: strictly, by its own schemas. Here the least by the oldest
version and the most by the newest; `make helm` judges all sets of values by all versions."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from tests.deploy_files.chart import CHART, VERSIONS, helm
from tests.deploy_files.conftest import VALUES, rendered_once

# Kinds that a cluster learns of by definitions of others.
CRDS = {
    path.stem: json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "crds").glob("*"))
}
PAIRS = [(values, version) for values in VALUES for version in VERSIONS]
SOME = [("defaults", VERSIONS[0]), ("everything", VERSIONS[-1])]


def complaint(manifest: dict[str, Any], version: str) -> str:
    """What a cluster would not take; empty if it would."""
    try:
        if schema := CRDS.get(manifest["kind"]):
            jsonschema.Draft202012Validator(schema).validate(manifest)
        else:
            kubernetes_validate.validate(manifest, version, strict=True)
    except jsonschema.ValidationError as wrong:
        return f"{manifest['kind']} {manifest['metadata']['name']}: {list(wrong.path)}: {wrong.message}"
    return ""


@pytest.mark.parametrize(("values", "version"), PAIRS if os.environ.get("HELM") == "all" else SOME)
def test_every_manifest_is_taken(values: str, version: str) -> None:
    made = rendered_once(VALUES[values], version).manifests
    assert [said for one in made if (said := complaint(one, version))] == []


def test_an_unknown_field_would_not_be() -> None:
    """Strict means strict, of Kubernetes' kinds and of the others."""
    made = rendered_once(VALUES["everything"]).manifests
    for kind in ("Deployment", *CRDS):
        one = next(manifest for manifest in made if manifest["kind"] == kind)
        assert complaint({**one, "spec": {**one["spec"], "replica": 2}}, VERSIONS[-1]), kind


@pytest.mark.parametrize("values", VALUES)
def test_helm_finds_nothing_to_mend(values: str) -> None:
    said = helm("lint", "--strict", "--kube-version", VERSIONS[-1], "-f", str(VALUES[values]), str(CHART))
    assert "0 chart(s) failed" in said
    assert "WARNING" not in said


def test_a_package_of_the_chart_has_the_rules_and_dashboards_in_it(tmp_path: Path) -> None:
    """In the repository they are links to what compose has."""
    helm("package", str(CHART), "--destination", str(tmp_path))
    (package,) = tmp_path.glob("*.tgz")
    told = ("--kube-version", VERSIONS[-1], "--values", str(VALUES["everything"]))
    made = helm("template", "turnout", str(package), *told)
    assert all(f"kind: {kind}" in made for kind in CRDS)
    assert "grafana_dashboard" in made
