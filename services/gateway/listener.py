"""Where callers arrive: the listener, its TLS, its limits, and what it writes of each request."""

from services.gateway.clusters import WINDOW_BYTES, socket
from services.gateway.names import Config, seconds, typed
from services.gateway.replies import local_replies
from services.gateway.secrets import CERTIFICATE, CLIENTS, watched
from services.gateway.settings import GatewaySettings

LISTENER = "front"

HEADERS_SECONDS = 10.0
IDLE_SECONDS = 3600.0
# Of one connection; a gRPC client with more in flight opens another.
MOST_STREAMS = 1000


def listener(settings: GatewaySettings, routes: Config, filters: list[Config]) -> Config:
    """The one listener, for everything."""
    chain: Config = {"filters": [{"name": "http", "typed_config": _connections(settings, routes, filters)}]}
    if settings.tls_certificate:
        chain["transport_socket"] = {"name": "tls", "typed_config": _tls(settings)}
    return {
        "name": LISTENER,
        "address": socket(settings.host.strip("[]"), settings.port),
        # With it a port that another process has would be shared with it, and not refused.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": WINDOW_BYTES,
        "filter_chains": [chain],
    }


def _connections(settings: GatewaySettings, routes: Config, filters: list[Config]) -> Config:
    made = typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=LISTENER,
        server_name="turnout",
        route_config={"name": "all", **routes},
        http_filters=filters,
        local_reply_config=local_replies(),
        use_remote_address=True,
        # Nobody steers Envoy by headers (x-envoy-retry-on, …), from wherever he calls.
        internal_address_config={"unix_sockets": False},
        # Whoever brings an id is answered under it.
        preserve_external_request_id=True,
        always_set_request_id_in_response=True,
        normalize_path=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        request_headers_timeout=seconds(HEADERS_SECONDS),
        # Services end streams; one that says nothing for long may be a watch of what does not change.
        stream_idle_timeout=seconds(settings.stream_deadline_seconds),
        common_http_protocol_options={"idle_timeout": seconds(IDLE_SECONDS)},
        http2_protocol_options={
            "max_concurrent_streams": MOST_STREAMS,
            "initial_stream_window_size": WINDOW_BYTES,
            "initial_connection_window_size": 16 * WINDOW_BYTES,
        },
        drain_timeout=seconds(settings.drain_seconds),
    )
    if settings.access_log == "on":
        made["access_log"] = [{"name": "log", "typed_config": _log()}]
    return made


def _log() -> Config:
    """No query, no body, no credentials: paths name resources, and that is all that they may."""
    told = {
        "event": "request",
        "time": "%START_TIME%",
        "method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
        "path": "%PATH(NQ:ORIG_OR_PATH)%",
        "rpc": "%PATH(NQ:PATH)%",
        "protocol": "%PROTOCOL%",
        "status": "%RESPONSE_CODE%",
        "grpc_status": "%GRPC_STATUS%",
        "why": "%RESPONSE_CODE_DETAILS%",
        "flags": "%RESPONSE_FLAGS%",
        "milliseconds": "%DURATION%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
        "client": "%DOWNSTREAM_REMOTE_ADDRESS%",
        "replica": "%UPSTREAM_HOST%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "traceparent": "%REQ(TRACEPARENT)%",
    }
    return typed("access_loggers.stream.v3.StdoutAccessLog", log_format={"json_format": told})


def _tls(settings: GatewaySettings) -> Config:
    """Certificates come from files that Envoy watches."""
    common: Config = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificate_sds_secret_configs": [watched(CERTIFICATE, settings)],
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
    }
    if settings.tls_client_authorities:
        common["validation_context_sds_secret_config"] = watched(CLIENTS, settings)
    return typed(
        "transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context=common,
        require_client_certificate=bool(settings.tls_client_authorities),
    )
