"""The chart, rendered by Helm."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from services.cli.seats import GATEWAY, SETTINGS
from services.foundation.settings import Settings
from services.gateway.settings import GatewaySettings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/turnout"
KINDS: dict[str, type[Settings]] = {**SETTINGS, GATEWAY: GatewaySettings}
# The newest, and the oldest that Chart.yaml allows; two between.
VERSIONS = ("1.28", "1.31", "1.34", "1.37")

Manifest = dict[str, Any]


class Rendered(NamedTuple):
    """What a set of values makes."""

    manifests: list[Manifest]

    def of(self, kind: str) -> list[Manifest]:
        """Those of a kind."""
        return [one for one in self.manifests if one["kind"] == kind]

    def named(self, kind: str) -> dict[str, Manifest]:
        """The same by name."""
        return {one["metadata"]["name"]: one for one in self.of(kind)}


class NotRendered(Exception):
    """Helm refuses; the message is what it says."""


def program() -> str:
    """Helm's, which `make helm-tools` builds. Without it tests are skipped; in `make helm` they fail."""
    own = ROOT / "build/tools/helm"
    if found := shutil.which(str(own)) or shutil.which("helm"):
        return found
    if os.environ.get("HELM"):
        pytest.fail("no helm: make helm-tools")
    pytest.skip("no helm: make helm-tools builds it, with Go")


def helm(*arguments: str) -> str:
    """What it prints. Raises NotRendered."""
    done = subprocess.run([program(), *arguments], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise NotRendered(done.stdout + done.stderr)
    return done.stdout


def render(values: Path, version: str = VERSIONS[-1], *more: str) -> Rendered:
    """The manifests of a file of values. Raises NotRendered."""
    told = ("--namespace", "ml", "--kube-version", version, "--values", str(values))
    text = helm("template", "turnout", str(CHART), *told, *more)
    # In C it takes a tenth of the time.
    return Rendered([one for one in yaml.load_all(text, yaml.CSafeLoader) if one])


def pods(rendered: Rendered) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and specification of every pod that is made, by Deployments and by tests."""
    for one in rendered.of("Deployment"):
        yield one["metadata"]["name"], one["spec"]["template"]["spec"]
    for one in rendered.of("Pod"):
        yield one["metadata"]["name"], one["spec"]
