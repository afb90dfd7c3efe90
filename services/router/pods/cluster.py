"""The settings of a router process as the facts of a cluster."""

import json
from typing import Any

from services.deploy.cluster import Cluster, SecretKey
from services.router.settings import RouterSettings

# What pods take over of the settings of the process that deploys them. Secrets are not among them.
HANDED_ON = (
    "access_mode",
    "access_admins",
    "jwt_keys",
    "jwt_issuer",
    "jwt_audience",
    "jwt_algorithms",
    "jwt_user_claim",
    "jwt_admin_claim",
    "jwt_admin_value",
    "expose",
    "clear_text",
    "message_bytes",
    "default_deadline_seconds",
    "log_level",
    "otlp_endpoint",
    "trace_ratio",
)


def unfit(settings: RouterSettings) -> str:
    """What keeps these settings from being those of a deployment; empty if nothing does."""
    if not settings.kube_image:
        return "kube_image is not set: which image do its pods run?"
    if settings.access_mode == "open" and not settings.expose:
        return "access_mode is open: enforce it, or set expose, as whoever reaches its pods may do everything"
    if settings.tls_certificate and not settings.kube_tls_secret:
        return "this process serves TLS and its pods would not: name their certificate in kube_tls_secret"
    return ""


def cluster_of(settings: RouterSettings) -> Cluster:
    """What manifests are made of, beside the router."""
    name, _, key = settings.kube_redis_secret.partition("/")
    return Cluster(
        namespace=settings.kube_namespace,
        image=settings.kube_image,
        suite=settings.kube_suite,
        pull_secret=settings.kube_pull_secret,
        redis=SecretKey(name, key),
        environment=_environment(settings),
        environment_from=settings.kube_environment_from,
        tls_secret=settings.kube_tls_secret,
        gateway=settings.kube_gateway,
        domain=settings.kube_domain,
        callers=settings.kube_callers,
        cpu=settings.kube_cpu,
        memory=settings.kube_memory,
        least=settings.kube_least_replicas,
        most=settings.kube_most_replicas,
        busy=settings.kube_busy_percent,
        crowd=settings.kube_calls_per_pod,
        drain=settings.drain_seconds,
        deadline=settings.kube_deadline_seconds,
    )


def _environment(settings: RouterSettings) -> dict[str, str]:
    """Settings that the pods share with this process, where they differ from the defaults."""
    plain = settings.model_dump(mode="json", include=set(HANDED_ON), exclude_defaults=True)
    told = {f"TURNOUT_{key.upper()}": _written(value) for key, value in plain.items()}
    own = {"AGGREGATOR": settings.aggregator, "FEEDBACK": settings.feedback}
    return told | {f"TURNOUT_ROUTER_{key}": value for key, value in own.items()}


def _written(value: Any) -> str:
    """A setting as the environment has it."""
    return value if isinstance(value, str) else json.dumps(value)
