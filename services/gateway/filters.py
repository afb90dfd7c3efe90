"""What a request passes on its way, in order: from who may call to what REST becomes."""

from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.gateway.contract import Contract
from services.gateway.fields import script
from services.gateway.names import Config, seconds, typed
from services.gateway.replies import RETRY_SECONDS
from services.gateway.routes import CORS, TRANSCODER, UNWRAP, WHOLE, bounded
from services.gateway.settings import GatewaySettings
from services.gateway.transcoding import transcoder

HEALTH = "/healthz"
# The cluster that the keys of tokens are fetched from.
KEYS = "token-keys"
# What may come at once, in seconds of the rate.
BURST = 2.0
# How many addresses are counted apart; the one that called longest ago is forgotten for another.
MOST_CLIENTS = 10_000


def filters(contract: Contract, settings: GatewaySettings) -> list[Config]:
    """All of them. Those of the reply pass in the opposite order."""
    found = [("health", _health())]
    if settings.cors_origins:
        found.append((CORS, typed("filters.http.cors.v3.Cors")))
    if settings.requests_per_second or settings.requests_per_second_per_client:
        found.append(("limit", _limit(settings)))
    if settings.jwt_at_gateway and settings.jwt_keys:
        found.append(("tokens", _tokens(settings)))
    unwrap = (files("services.gateway") / "response_body.lua").read_text()
    # Only where a route says so: what is uploaded is never whole, and services bound what comes as gRPC.
    found.append((WHOLE, typed("filters.http.buffer.v3.Buffer", **bounded(settings))))
    found += [
        ("fields", _lua(script(contract))),
        # Around the transcoder: what it has printed is what this reads.
        (UNWRAP, _lua(unwrap)),
        ("web", typed("filters.http.grpc_web.v3.GrpcWeb")),
        (TRANSCODER, transcoder(contract, settings)),
        ("numbers", typed("filters.http.grpc_stats.v3.FilterConfig", stats_for_all_methods=False)),
        ("router", typed("filters.http.router.v3.Router")),
    ]
    return [{"name": name, "typed_config": config, "disabled": name == WHOLE} for name, config in found]


def _lua(source: str) -> Config:
    return typed("filters.http.lua.v3.Lua", default_source_code={"inline_string": source})


def _health() -> Config:
    """Well while the router answers: without it nothing that callers come for works."""
    return typed(
        "filters.http.health_check.v3.HealthCheck",
        pass_through_mode=False,
        headers=[{"name": ":path", "string_match": {"exact": HEALTH}}],
        cluster_min_healthy_percentages={"router": {"value": 1}},
    )


def _limit(settings: GatewaySettings) -> Config:
    full = {"default_value": {"numerator": 100}, "runtime_key": "turnout_limit"}
    # Without a limit for all there must still be a bucket for all.
    rate = settings.requests_per_second or 1e6
    made = typed(
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="limit",
        token_bucket=_bucket(rate),
        filter_enabled=full,
        filter_enforced=full,
        rate_limited_as_resource_exhausted=True,
        response_headers_to_add=[{"header": {"key": "retry-after", "value": str(RETRY_SECONDS)}}],
    )
    if apart := settings.requests_per_second_per_client:
        made |= {
            "rate_limits": [{"actions": [{"remote_address": {}}]}],
            "descriptors": [{"entries": [{"key": "remote_address"}], "token_bucket": _bucket(apart)}],
            "max_dynamic_descriptors": MOST_CLIENTS,
            "always_consume_default_token_bucket": bool(settings.requests_per_second),
        }
    return made


def _bucket(rate: float) -> Config:
    """Filled ten times a second, or as often as one token comes."""
    every = max(0.1, 1 / rate)
    return {
        "max_tokens": max(1, round(rate * BURST)),
        "tokens_per_fill": max(1, round(rate * every)),
        "fill_interval": seconds(every),
    }


def _tokens(settings: GatewaySettings) -> Config:
    """Tokens are verified, API keys and calls without credentials go on: services know them."""
    provider: dict[str, Any] = {
        "issuer": settings.jwt_issuer,
        "audiences": [settings.jwt_audience],
        "forward": True,
    }
    if urlsplit(settings.jwt_keys).scheme in ("http", "https"):
        uri = {"uri": settings.jwt_keys, "cluster": KEYS, "timeout": "5s"}
        # Fetched before the first caller, and again before it is too old.
        kept = {"cache_duration": seconds(settings.jwt_refresh_seconds), "async_fetch": {}}
        provider["remote_jwks"] = {"http_uri": uri, **kept}
    else:
        provider["local_jwks"] = {"filename": str(Path(settings.jwt_keys).absolute())}
    key = {"name": "authorization", "string_match": {"prefix": "Bearer tk_", "ignore_case": True}}
    return typed(
        "filters.http.jwt_authn.v3.JwtAuthentication",
        providers={"issuer": provider},
        rules=[
            {"match": {"prefix": "/", "headers": [key]}},
            {
                "match": {"prefix": "/"},
                "requires": {
                    "requires_any": {"requirements": [{"provider_name": "issuer"}, {"allow_missing": {}}]}
                },
            },
        ],
    )
