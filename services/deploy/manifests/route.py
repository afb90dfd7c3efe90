"""The GRPCRoute: how a Gateway finds the pods of a router. The name of a router is in the message, which no
gateway reads; so a route is for a host name of its own, or for calls whose metadata names the router."""

from collections.abc import Sequence
from typing import Any

from services.deploy.cluster import Cluster, Workload
from services.deploy.labels import labels, object_name
from services.deploy.manifests.ports import GRPC

HEADER = "turnout-router"


def make(workload: Workload, cluster: Cluster) -> dict[str, Any]:
    """The route of a router, in the namespace of its pods."""
    namespace, _, gateway = cluster.gateway.rpartition("/")
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway}
    if namespace:
        parent["namespace"] = namespace
    name = object_name(cluster, workload.id)
    rule: dict[str, Any] = {"backendRefs": [{"group": "", "kind": "Service", "name": name, "port": GRPC}]}
    spec: dict[str, Any] = {"parentRefs": [parent], "rules": [rule]}
    if cluster.domain:
        spec["hostnames"] = [f"{workload.id}.{cluster.domain}"]
    else:
        rule["matches"] = [{"headers": [{"type": "Exact", "name": HEADER, "value": workload.id}]}]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GRPCRoute",
        "metadata": {"name": name, "namespace": cluster.namespace, "labels": labels(cluster, workload)},
        "spec": spec,
    }


def gateway_namespace(cluster: Cluster) -> Sequence[str]:
    """The namespace of the Gateway, if it is said to be in another one."""
    namespace = cluster.gateway.rpartition("/")[0]
    return [namespace] if namespace else []
