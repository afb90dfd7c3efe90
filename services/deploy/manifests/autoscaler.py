"""The HorizontalPodAutoscaler: as long as a router runs, it alone says how many pods do, between the bounds.

At 0 replicas it rests, so a stopped router keeps its bounds.
"""

from typing import Any

from services.deploy.cluster import Cluster, Workload
from services.deploy.labels import labels, object_name

# Pods leave slowly: each takes warm connections and plans with it, and load that fell may come back.
CALM_SECONDS = 300


def make(workload: Workload, cluster: Cluster) -> dict[str, Any]:
    """The autoscaler of a router."""
    name = object_name(cluster, workload.id)
    fewest = least(workload, cluster)
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": name,
            "namespace": cluster.namespace,
            "labels": labels(cluster, workload),
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": fewest,
            "maxReplicas": max(cluster.most, fewest),
            "metrics": [_crowd(cluster) if cluster.crowd else _cpu(cluster)],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": CALM_SECONDS}},
        },
    }


def least(workload: Workload, cluster: Cluster) -> int:
    """The fewest pods that run while the router does."""
    return workload.replicas or cluster.least


def _cpu(cluster: Cluster) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": cluster.busy}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def _crowd(cluster: Cluster) -> dict[str, Any]:
    """Calls in flight follow load where CPU does not: pods that wait for slow models are idle and full. An
    adapter of the cluster must serve the metric."""
    target = {"type": "AverageValue", "averageValue": str(cluster.crowd)}
    return {"type": "Pods", "pods": {"metric": {"name": "turnout_rpc_in_flight"}, "target": target}}
