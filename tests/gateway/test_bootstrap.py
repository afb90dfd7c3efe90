"""The configuration as such: what Envoy itself says of it, for every setting that changes it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from services.foundation.configuration import load
from services.gateway.bootstrap import bootstrap
from services.gateway.clusters import WrongAddress, places
from services.gateway.contract import read
from services.gateway.envoy import NoEnvoy, find
from services.gateway.routes import pattern
from services.gateway.secrets import secrets
from services.gateway.settings import GatewaySettings
from services.router.settings import RouterSettings
from tests.foundation.identity.authorities import LOCAL, Authority

CONTRACT = read()
BESIDE = ("127.0.0.1", 1)
SETTINGS: list[dict[str, Any]] = [
    {},
    {"router": "dns:///router.example:50051,10.0.0.1:50051", "streams_per_connection": 1},
    {"requests_per_second": 10, "requests_per_second_per_client": 0.5},
    {"cors_origins": ["*"], "access_log": "off"},
    {"jwt_at_gateway": True, "jwt_keys": "https://a.example/keys", "jwt_issuer": "i", "jwt_audience": "a"},
    {"tls_certificate": "suite.crt", "tls_key": "suite.key", "tls_client_authorities": "authority.pem"},
    {"tls_authorities": "authority.pem", "feedback": "feedback.example:50053", "drift": "[::1]:50054"},
]  # fmt: skip


@pytest.mark.parametrize("told", SETTINGS, ids=lambda told: "-".join(told) or "defaults")
async def test_envoy_accepts_the_configuration_of_the_whole_contract(
    tmp_path: Path, told: dict[str, Any]
) -> None:
    """No method of the contract has an annotation that the transcoder cannot take."""
    authority = Authority(tmp_path, "authority")
    authority.issue("suite", "suite", LOCAL)
    files = {key: str(tmp_path / value) for key, value in told.items() if key.startswith("tls_")}
    settings = GatewaySettings(directory=str(tmp_path), **{**told, **files})
    document = tmp_path / "openapi.json"
    document.write_text("{}")
    path = tmp_path / "envoy.json"
    path.write_text(
        json.dumps(bootstrap(CONTRACT, settings, BESIDE, {"/openapi.json": ("text/plain", str(document))}))
    )
    for name, content in secrets(settings).items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    # The keys of tokens would be fetched from a host that is not there.
    process = await asyncio.create_subprocess_exec(
        find(), "--mode", "validate", "--config-path", str(path), "--log-level", "critical",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


def test_admin_is_on_loopback_whatever_else_is_said() -> None:
    made = bootstrap(CONTRACT, GatewaySettings(host="0.0.0.0", expose=True, admin_port=9901), BESIDE, {})  # noqa: S104
    address = made["admin"]["address"]["socket_address"]
    assert address == {"address": "127.0.0.1", "port_value": 9901}
    front = made["static_resources"]["listeners"][0]["address"]["socket_address"]
    assert front == {"address": "0.0.0.0", "port_value": 8080}  # noqa: S104


def test_every_service_of_the_contract_has_a_way_in() -> None:
    """A package that is added and forgotten here would be served by nobody."""
    services = {
        f"{file.package}.{service.name}"
        for file in CONTRACT.files.file
        if not file.package.startswith("google.")
        for service in file.service
    }
    assert services == set(CONTRACT.clusters)
    assert set(CONTRACT.clusters.values()) <= set(GatewaySettings.model_fields)


def test_the_default_replicas_are_where_services_listen() -> None:
    assert places("router", GatewaySettings().router) == [("127.0.0.1", load(RouterSettings, "router").port)]


@pytest.mark.parametrize(
    "address", ["", "router", "router:", ":50051", "router:0", "router:99999", "a:1,,b:2"]
)
def test_an_address_that_is_none_is_refused_by_the_name_of_its_setting(address: str) -> None:
    with pytest.raises(WrongAddress, match=r"TURNOUT_GATEWAY_ROUTER = .* is not host:port"):
        places("TURNOUT_GATEWAY_ROUTER", address)


def test_addresses_may_be_several_with_names_and_brackets() -> None:
    assert places("router", "dns:///a.b:1, 10.0.0.1:2,[::1]:3") == [("a.b", 1), ("10.0.0.1", 2), ("::1", 3)]


@pytest.mark.parametrize(
    ("template", "expression"),
    [
        ("/v1/routers", "/v1/routers"),
        ("/v1/{name=routers/*}:deploy", "/v1/routers/[^/]+:deploy"),
        ("/v1/predictions/{prediction_id}", "/v1/predictions/[^/]+"),
        ("/v1/{name=models/*/baselines/*}", "/v1/models/[^/]+/baselines/[^/]+"),
        ("/v1/{name=files/**}", "/v1/files/.+"),
    ],
)
def test_templates_become_expressions_of_their_paths(template: str, expression: str) -> None:
    assert pattern(template) == expression


def test_a_program_that_is_none_is_refused() -> None:
    with pytest.raises(NoEnvoy, match="TURNOUT_GATEWAY_ENVOY"):
        find("/nowhere/envoy")
