"""Envoy's whole configuration, of settings and contract; nothing is read and nothing is started."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from services.gateway.clusters import Place, cluster, places, plain, socket
from services.gateway.contract import Contract
from services.gateway.filters import KEYS, filters
from services.gateway.listener import listener
from services.gateway.names import Config, typed
from services.gateway.routes import BESIDE, routes
from services.gateway.settings import GatewaySettings

LOOPBACK = "127.0.0.1"
SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def bootstrap(
    contract: Contract, settings: GatewaySettings, beside: Place, documents: Mapping[str, tuple[str, str]]
) -> Config:
    """The document that Envoy starts with. `beside` is where our own process answers; `documents` are files
    to serve, as in `routes`. Raises WrongAddress."""
    found = [
        cluster(name, places(f"TURNOUT_GATEWAY_{name.upper()}", getattr(settings, name)), settings)
        for name in sorted(set(contract.clusters.values()))
    ]
    found.append(plain(BESIDE, beside))
    if settings.jwt_at_gateway and "://" in settings.jwt_keys:
        found.append(_keys(settings.jwt_keys))
    return {
        "node": {"id": "gateway", "cluster": "turnout"},
        "admin": {"address": socket(LOOPBACK, settings.admin_port)},
        "overload_manager": {"resource_monitors": [_most_connections(settings)]},
        "static_resources": {
            "listeners": [
                listener(settings, routes(contract, settings, documents), filters(contract, settings))
            ],
            "clusters": found,
        },
    }


def _most_connections(settings: GatewaySettings) -> Config:
    """Those beyond are closed at once: descriptors are finite."""
    told = typed(
        "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=settings.connections,
    )
    return {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": told}


def _keys(url: str) -> Config:
    """Whoever signs tokens."""
    told = urlsplit(url)
    secure = told.scheme == "https"
    host, port = told.hostname or "", told.port or (443 if secure else 80)
    made: Config = {
        "name": KEYS,
        "type": "STRICT_DNS",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": KEYS,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(host, port)}}]}],
        },
    }
    if secure:
        common = {
            "validation_context": {
                "trusted_ca": {"filename": SYSTEM_AUTHORITIES},
                "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": host}}],
            }
        }
        tls = typed("transport_sockets.tls.v3.UpstreamTlsContext", sni=host, common_tls_context=common)
        made["transport_socket"] = {"name": "tls", "typed_config": tls}
    return made
