"""The settings of a router's pods, as variables. What is secret comes from Secrets, by reference."""

import json
from typing import Any

from services.deploy.cluster import Cluster, Workload
from services.deploy.manifests.ports import GRPC, METRICS
from services.deploy.manifests.service import address

SPOOL = "/var/lib/turnout/spool"
CERTIFICATES = "/etc/turnout/tls"


def variables(workload: Workload, cluster: Cluster) -> list[dict[str, Any]]:
    """What the pods are told, by name: the same router and cluster say the same."""
    told = {
        "TURNOUT_HOST": "0.0.0.0",  # noqa: S104 - in a pod, behind a NetworkPolicy
        "TURNOUT_METRICS_HOST": "0.0.0.0",  # noqa: S104
        "TURNOUT_LOG_FORMAT": "json",
        "TURNOUT_DRAIN_NOTICE_SECONDS": f"{cluster.notice:g}",
        "TURNOUT_DRAIN_SECONDS": f"{cluster.drain:g}",
        **cluster.environment,
        "TURNOUT_ROUTER_PORT": str(GRPC),
        "TURNOUT_ROUTER_METRICS_PORT": str(METRICS),
        "TURNOUT_ROUTER_SPOOL_DIR": SPOOL,
        "TURNOUT_ROUTER_ADVERTISE": address(cluster, workload.id),
        "TURNOUT_ROUTER_ONLY": json.dumps([f"routers/{workload.id}"]),
    }
    if cluster.tls_secret:
        told |= {
            "TURNOUT_TLS_CERTIFICATE": f"{CERTIFICATES}/tls.crt",
            "TURNOUT_TLS_KEY": f"{CERTIFICATES}/tls.key",
        }
    redis = {"secretKeyRef": {"name": cluster.redis.name, "key": cluster.redis.key}}
    plain: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in sorted(told.items())]
    return [*plain, {"name": "TURNOUT_ROUTER_REDIS_URL", "valueFrom": redis}]


def sources(cluster: Cluster) -> list[dict[str, Any]]:
    """ConfigMaps and Secrets whose keys are variables of the pods."""
    made = []
    for one in cluster.environment_from:
        kind, _, name = one.partition("/")
        made.append({"secretRef" if kind == "secret" else "configMapRef": {"name": name}})
    return made
