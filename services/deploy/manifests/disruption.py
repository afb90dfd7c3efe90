"""The PodDisruptionBudget: a node that is drained takes one pod of a router at a time."""

from typing import Any

from services.deploy.cluster import Cluster, Workload
from services.deploy.labels import labels, object_name, selector


def make(workload: Workload, cluster: Cluster) -> dict[str, Any]:
    """The budget of a router."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": object_name(cluster, workload.id),
            "namespace": cluster.namespace,
            "labels": labels(cluster, workload),
        },
        "spec": {
            # maxUnavailable and not minAvailable: with one replica the latter would stop every drain.
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(cluster, workload.id)},
            # A pod that never becomes ready must not keep a node from being drained.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
