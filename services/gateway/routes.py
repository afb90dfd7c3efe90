"""Which request goes where: by the path of its RPC, once REST has become one."""

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

NOWHERE = "nothing is served here; /openapi.json lists every path with its method"

TRANSCODER, UNWRAP, CORS = "transcoder", "response_body", "cors"
RETRIES = 2


def routes(contract: Contract, settings: GatewaySettings, documents: Mapping[str, tuple[str, str]]) -> Config:
    """All routes. `documents` are files to serve: by path, the type of their content and where they are."""
    made = [_document(path, kind, file) for path, (kind, file) in documents.items()]
    made += _events(contract, settings)
    made += [
        _rpc({"path": operation.rpc}, contract.clusters[operation.service], operation.response_body)
        for operation in contract.operations
        if operation.response_body
    ]
    made += [_rpc({"prefix": f"/{name}/"}, cluster) for name, cluster in contract.clusters.items()]
    made += [_rpc({"prefix": f"/{name}/"}, BESIDE) for name in OUR_OWN]
    made.append({"match": {"prefix": "/"}, "direct_response": _nowhere()})
    host: Config = {"name": "all", "domains": ["*"], "routes": made}
    if settings.cors_origins:
        host["typed_per_filter_config"] = {CORS: cors(settings.cors_origins)}
    return {
        "virtual_hosts": [host],
        "request_headers_to_remove": list(INTERNAL_HEADERS),
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
        told = typed("filters.http.lua.v3.LuaPerRoute", filter_context={"response_body": response_body})
        route["typed_per_filter_config"] = {UNWRAP: told}
    return route


def _events(contract: Contract, settings: GatewaySettings) -> list[Config]:
    """Who asks for events gets streams as such. The routes themselves are taken only by what no RPC is
    behind: a request that has become one is routed anew, by its new path."""
    accept = {"name": "accept", "string_match": {"contains": "text/event-stream"}}
    override = transcoder(contract, settings, EVENTS)
    return [
        {
            "match": {"prefix": f"/{beginning}/", "headers": [accept]},
            "direct_response": _nowhere(),
            "typed_per_filter_config": {TRANSCODER: override},
        }
        for beginning in sorted({operation.path.split("/")[1] for operation in contract.operations})
    ]


def _document(path: str, kind: str, file: str) -> Config:
    content_type = {
        "header": {"key": "content-type", "value": kind},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
    return {
        "match": {"path": path},
        "direct_response": {"status": 200, "body": {"filename": file}},
        "response_headers_to_add": [content_type],
    }


def _nowhere() -> Config:
    return {"status": 404, "body": {"inline_string": NOWHERE}}
