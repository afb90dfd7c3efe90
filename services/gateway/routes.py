"""Which request goes where: by the path of its RPC, once REST has become one."""

import re
from collections.abc import Mapping

from services.gateway.contract import Contract
from services.gateway.names import Config, typed
from services.gateway.settings import GatewaySettings
from services.gateway.transcoding import EVENTS, transcoder

# Reflection of all services, and the gateway's own health: answered by our process beside Envoy.
BESIDE = "gateway"
OUR_OWN = (
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "grpc.health.v1.Health",
)

# Credentials of the suite's own processes: nobody brings them through the front door.
INTERNAL_HEADERS = ("x-turnout-service", "x-turnout-on-behalf-of")
# With mTLS the connection to a service shows the gateway's own certificate: it is not the caller's name.
THROUGH = "x-turnout-through"

TRANSCODER, UNWRAP, CORS, WHOLE = "transcoder", "response_body", "cors", "whole"
OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
RETRIES = 2


def routes(contract: Contract, settings: GatewaySettings, documents: Mapping[str, tuple[str, str]]) -> Config:
    """All routes. `documents` are files to serve: by path, the type of their content and where they are."""
    made = [_document(path, kind, file) for path, (kind, file) in documents.items()]
    made += _rest(contract, settings)
    made += [
        _rpc({"path": operation.rpc}, contract.clusters[operation.service], operation.response_body)
        for operation in contract.operations
        if operation.response_body
    ]
    made += [_rpc({"prefix": f"/{name}/"}, cluster) for name, cluster in contract.clusters.items()]
    made += [_rpc({"prefix": f"/{name}/"}, BESIDE) for name in OUR_OWN]
    made.append({"match": {"prefix": "/"}, "direct_response": {"status": 404}})
    host: Config = {"name": "all", "domains": ["*"], "routes": made}
    if settings.cors_origins:
        host["typed_per_filter_config"] = {CORS: cors(settings.cors_origins)}
    return {
        "virtual_hosts": [host],
        "request_headers_to_remove": list(INTERNAL_HEADERS),
        "request_headers_to_add": [_header(THROUGH, "gateway")],
        # Documents are served from memory, and larger than Envoy expects of an answer without a service.
        "max_direct_response_body_size_bytes": 64 * 1024 * 1024,
    }


def cors(origins: list[str]) -> Config:
    """Which pages may call, and which headers they may send and read."""
    allowed = [{"safe_regex": {"regex": ".*"}} if origin == "*" else {"exact": origin} for origin in origins]
    return typed(
        "filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=allowed,
        allow_methods="GET, POST, PATCH, DELETE, OPTIONS",
        allow_headers="authorization, content-type, grpc-timeout, traceparent, x-api-key, x-grpc-web, "
        "x-request-id, x-user-agent",
        expose_headers="grpc-message, grpc-status, grpc-status-details-bin, retry-after, x-request-id",
        max_age="3600",
        forward_not_matching_preflights=False,
    )


def _rpc(match: Config, cluster: str, response_body: str = "") -> Config:
    route: Config = {
        "match": match,
        "route": {
            "cluster": cluster,
            # The services end what takes too long, by the caller's deadline or by their own.
            "timeout": "0s",
            "max_stream_duration": {"grpc_timeout_header_max": "0s"},
            # Only what has certainly not begun: a prediction is not to be made twice.
            "retry_policy": {
                "retry_on": "connect-failure,refused-stream",
                "num_retries": RETRIES,
                "retry_host_predicate": [
                    {
                        "name": "others",
                        "typed_config": typed("retry.host.previous_hosts.v3.PreviousHostsPredicate"),
                    }
                ],
                "host_selection_retry_max_attempts": 3,
            },
        },
    }
    if response_body:
        # Not by the filter's own per-route configuration: it keeps the one of the route before the request
        # became an RPC.
        route["metadata"] = {"filter_metadata": {UNWRAP: {"field": response_body}}}
    return route


def _rest(contract: Contract, settings: GatewaySettings) -> list[Config]:
    """What a request has before it becomes an RPC, and is routed anew by its new path: what the filters ask
    of it. Who asks for events gets streams as such. Nobody arrives: the transcoder refuses what is no RPC."""
    accept = {"name": "accept", "string_match": {"contains": "text/event-stream"}}
    whole = {WHOLE: typed("filters.http.buffer.v3.BufferPerRoute", buffer=bounded(settings))}
    events = {TRANSCODER: transcoder(contract, settings, EVENTS)}
    uploads = [operation.path for operation in contract.operations if operation.client_streaming]
    made = [_rpc({"safe_regex": {"regex": pattern(path)}}, BESIDE) for path in uploads]
    for beginning in sorted({operation.path.split("/")[1] for operation in contract.operations}):
        match = {"prefix": f"/{beginning}/"}
        for asked, filters in (({"headers": [accept]}, whole | events), ({}, whole)):
            made.append(_rpc(match | asked, BESIDE) | {"typed_per_filter_config": filters})
    return made


def bounded(settings: GatewaySettings) -> Config:
    """A body that is awaited as a whole, and how large it may be."""
    return {"max_request_bytes": settings.request_bytes}


def pattern(template: str) -> str:
    """What matches the paths of a template, such as `/v1/{name=routers/*}:deploy`."""
    plain = re.sub(r"\{[\w.]+(?:=([^}]+))?\}", lambda variable: variable[1] or "*", template)
    return re.escape(plain).replace(r"\*\*", ".+").replace(r"\*", "[^/]+")


def _document(path: str, kind: str, file: str) -> Config:
    return {
        "match": {"path": path},
        "direct_response": {"status": 200, "body": {"filename": file}},
        "response_headers_to_add": [_header("content-type", kind)],
        "typed_per_filter_config": {TRANSCODER: OFF},
    }


def _header(key: str, value: str) -> Config:
    """A header, whatever there was of that name."""
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
