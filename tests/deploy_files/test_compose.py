"""docker-compose.yml by the compose specification, and by what the suite needs of it."""

import json
import re
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml

from tests.deploy_files.chart import KINDS, ROOT

OBSERVING = {"otel-collector", "jaeger", "prometheus", "grafana"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return told


def test_it_is_what_the_compose_specification_allows(compose: dict[str, Any]) -> None:
    schemas = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    jsonschema.Draft7Validator(json.loads(schemas.read_text())).validate(compose)


def test_the_suite_needs_no_profile_and_what_observes_it_does(compose: dict[str, Any]) -> None:
    assert {name for name, told in compose["services"].items() if "profiles" not in told} == {"redis", *KINDS}
    assert {
        name for name, told in compose["services"].items() if told.get("profiles") == ["obs"]
    } == OBSERVING


def test_ports_are_on_loopback_only_and_no_two_are_one(compose: dict[str, Any]) -> None:
    ports = [port for told in compose["services"].values() for port in told.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len(ports) == len(set(ports))


def test_everything_is_bounded_and_kept_up(compose: dict[str, Any]) -> None:
    for name, told in compose["services"].items():
        assert set(told["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}, name
        assert told["restart"] == "unless-stopped"
        assert told["security_opt"] == ["no-new-privileges:true"]
        assert told["logging"]["options"]["max-size"]


def test_the_services_can_do_no_more_than_they_must(compose: dict[str, Any]) -> None:
    for name in KINDS:
        told = compose["services"][name]
        assert told["read_only"] is True
        assert told["cap_drop"] == ["ALL"]
        assert told["tmpfs"] == ["/tmp"]  # noqa: S108 - of the container
        assert int(told["stop_grace_period"].removesuffix("s")) > 5 + 4 * 5


def test_no_secret_is_in_the_file(compose: dict[str, Any]) -> None:
    """Those of access are taken from the shell; nobody has a password that everybody knows."""
    for told in compose["services"].values():
        for name, value in told.get("environment", {}).items():
            if re.search("TOKEN|KEY|SECRET|PASSWORD", name):
                assert value is None, name
    grafana = compose["services"]["grafana"]["environment"]
    assert grafana["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert grafana["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


def test_redis_is_reached_by_the_services_and_by_nobody_else(compose: dict[str, Any]) -> None:
    assert compose["networks"]["state"] == {"internal": True}
    there = {name for name, told in compose["services"].items() if "state" in told["networks"]}
    assert there == {"redis", *KINDS}
    assert "ports" not in compose["services"]["redis"]


def test_what_is_mounted_is_there(compose: dict[str, Any]) -> None:
    for name, told in compose["services"].items():
        for volume in told.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), f"{name}: {source}"
                assert volume.endswith(":ro"), f"{name}: {volume}"
            else:
                assert source in compose["volumes"], f"{name}: {volume}"


def test_spans_go_to_the_collector_where_there_is_one(compose: dict[str, Any]) -> None:
    told = compose["services"]["router"]["environment"]["TURNOUT_OTLP_ENDPOINT"]
    assert told == "${COMPOSE_PROFILES:+http://otel-collector:4317}"
    collector = yaml.safe_load((ROOT / "deploy/otel/collector.yaml").read_text())
    receiving = collector["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert receiving.endswith(":4317")
    assert not receiving.startswith(("127.", "localhost"))


def test_images_of_others_have_a_version_and_can_be_named_by_digest(compose: dict[str, Any]) -> None:
    for name in ({"redis"} | OBSERVING) & compose["services"].keys():
        image = compose["services"][name]["image"]
        assert re.fullmatch(r"\$\{[A-Z_]+_IMAGE:-[\w./-]+:v?\d+\.\d+\.\d+[\w-]*\}", image), image


def test_prometheus_asks_every_service_at_its_port() -> None:
    told = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    asked = {
        (job["job_name"], one["port"])
        for job in told["scrape_configs"]
        for one in job.get("dns_sd_configs", [])
    }
    assert {(name, kind.model_fields["metrics_port"].default) for name, kind in KINDS.items()} <= asked
