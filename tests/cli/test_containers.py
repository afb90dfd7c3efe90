"""The compose file and the image, as far as they can be judged without a container engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli.seats import GATEWAY, SETTINGS
from services.foundation.settings import Settings
from services.gateway.settings import GatewaySettings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


KINDS: dict[str, type[Settings]] = {**SETTINGS, GATEWAY: GatewaySettings}


@pytest.mark.parametrize("service", KINDS)
def test_every_service_runs_its_own_program_once_what_it_needs_is_healthy(
    compose: dict[str, Any], service: str
) -> None:
    told = compose["services"][service]
    assert told["command"] == ["python", "-m", f"services.{service}"]
    port = KINDS[service].model_fields["port"].default
    assert f"127.0.0.1:{port}:{port}" in told["ports"]
    assert told["healthcheck"]["test"][-2:] == ["services.cli.healthy", f"127.0.0.1:{port}"]
    needed = SETTINGS if service == GATEWAY else ["redis"]
    assert [told["depends_on"][each] for each in needed] == [{"condition": "service_healthy"}] * len(needed)


@pytest.mark.parametrize("service", KINDS)
def test_every_variable_is_a_setting(compose: dict[str, Any], service: str) -> None:
    """A variable that nobody knows ends a service at its start."""
    common = {f"TURNOUT_{key.upper()}" for key in KINDS[service].model_fields}
    known = common | {f"TURNOUT_{service.upper()}_{key.upper()}" for key in KINDS[service].model_fields}
    others = tuple(f"TURNOUT_{other.upper()}_" for other in KINDS if other != service)
    given = compose["services"][service]["environment"]
    assert {name for name in given if not name.startswith(others)} <= known


def test_the_data_of_redis_outlive_its_container(compose: dict[str, Any]) -> None:
    redis = compose["services"]["redis"]
    assert "redis:/data" in redis["volumes"]
    assert "redis" in compose["volumes"]
    assert redis["command"][redis["command"].index("--appendonly") + 1] == "yes"


def test_the_image_is_built_in_stages_and_runs_as_nobody_special() -> None:
    lines = (ROOT / "Dockerfile").read_text()
    assert len(re.findall(r"^FROM ", lines, re.MULTILINE)) == 2
    final = lines[lines.rindex("FROM ") :]
    assert re.search(r"^USER (?!root)\w+", final, re.MULTILINE)
    assert re.search(r"^CMD \[", final, re.MULTILINE)
