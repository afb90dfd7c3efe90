"""Where calls go: one cluster for each service, with its replicas, their health, and who is left out."""

import ipaddress

from services.gateway.names import Config, seconds, typed
from services.gateway.secrets import AUTHORITIES, CERTIFICATE, watched
from services.gateway.settings import GatewaySettings

CONNECT_SECONDS = 1.0
PROBE_TIMEOUT_SECONDS = 1.0
# What is down is asked more often: calls wait for it.
PROBE_OF_THE_DOWN_SECONDS = 0.5
EJECTION_SECONDS = 5.0
# Services bound what they have in hand by themselves, and say why; Envoy's own bound is for floods.
MOST_REQUESTS = 10_000
# How much of one stream is held while the other end does not read; an upload comes in parts of it at most.
WINDOW_BYTES = 1024 * 1024

Place = tuple[str, int]


class WrongAddress(ValueError):
    """An address of a replica is none; the message names the setting."""


def places(setting: str, addresses: str) -> list[Place]:
    """Host and port of each replica in a setting. Raises WrongAddress."""
    found = []
    for address in addresses.split(","):
        host, _, port = address.strip().removeprefix("dns:///").rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise WrongAddress(f"{setting} = {addresses!r}: {address.strip()!r} is not host:port")
        found.append((host.strip("[]"), int(port)))
    return found


def cluster(name: str, replicas: list[Place], settings: GatewaySettings) -> Config:
    """The replicas of a service, taken in turns."""
    literal = all(_is_address(host) for host, _ in replicas)
    made = {
        "name": name,
        "type": "STATIC" if literal else "STRICT_DNS",
        "dns_lookup_family": "ALL",
        "lb_policy": "ROUND_ROBIN",
        "connect_timeout": seconds(CONNECT_SECONDS),
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": socket(*place)}} for place in replicas]}
            ],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _http2(settings)
        },
        "health_checks": [_probe(settings)],
        "outlier_detection": _outliers(),
        "circuit_breakers": {
            "thresholds": [
                {"max_requests": MOST_REQUESTS, "max_pending_requests": MOST_REQUESTS, "max_retries": 100}
            ]
        },
    }
    if settings.tls_authorities:
        made["transport_socket"] = _tls(replicas, settings)
    return made


def plain(name: str, place: Place) -> Config:
    """A gRPC server of our own process, on loopback."""
    told = GatewaySettings(tls_authorities="", access_mode="open")
    made = cluster(name, [place], told)
    return {key: value for key, value in made.items() if key not in ("health_checks", "outlier_detection")}


def socket(host: str, port: int) -> Config:
    """An address."""
    return {"socket_address": {"address": host, "port_value": port}}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _http2(settings: GatewaySettings) -> Config:
    return typed(
        "upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={
            "http2_protocol_options": {
                "max_concurrent_streams": settings.streams_per_connection,
                # It is also how much of an upload is kept for a service that is slower than its sender: by
                # default 256 MiB.
                "initial_stream_window_size": WINDOW_BYTES,
                "initial_connection_window_size": settings.streams_per_connection * WINDOW_BYTES,
                # A connection whose other end has gone without a word is found before a call waits for it.
                "connection_keepalive": {"interval": "30s", "timeout": "5s"},
            }
        },
    )


def _probe(settings: GatewaySettings) -> Config:
    return {
        "timeout": seconds(PROBE_TIMEOUT_SECONDS),
        "interval": seconds(settings.probe_seconds),
        "no_traffic_interval": seconds(settings.probe_seconds),
        "unhealthy_interval": seconds(PROBE_OF_THE_DOWN_SECONDS),
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "grpc_health_check": {},
    }


def _outliers() -> Config:
    """Only what the connection says counts. UNAVAILABLE of a service is an answer, of a model that is down,
    say: every replica would give it, and all would be thrown out for it."""
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 3,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": seconds(EJECTION_SECONDS),
        "max_ejection_percent": 50,
    }


def _tls(replicas: list[Place], settings: GatewaySettings) -> Config:
    """The replicas must be who their addresses say; with mTLS, we show our own certificate."""
    names = [
        {"san_type": "IP_ADDRESS" if _is_address(host) else "DNS", "matcher": {"exact": host}}
        for host, _ in replicas
    ]
    common: Config = {
        "combined_validation_context": {
            "default_validation_context": {"match_typed_subject_alt_names": names},
            "validation_context_sds_secret_config": watched(AUTHORITIES, settings),
        }
    }
    if settings.tls_client_authorities:
        common["tls_certificate_sds_secret_configs"] = [watched(CERTIFICATE, settings)]
    context = typed(
        "transport_sockets.tls.v3.UpstreamTlsContext",
        common_tls_context={**common, "alpn_protocols": ["h2"]},
        sni="" if _is_address(replicas[0][0]) else replicas[0][0],
    )
    return {"name": "tls", "typed_config": context}
