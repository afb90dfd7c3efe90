"""The headless Service: its name stands for every pod, and clients spread their calls themselves.

A Service with an address of its own would spread connections, and a gRPC client has one.
"""

from typing import Any

from services.deploy.cluster import Cluster, Workload
from services.deploy.labels import labels, object_name, selector
from services.deploy.manifests.ports import GRPC, METRICS


def make(workload: Workload, cluster: Cluster) -> dict[str, Any]:
    """The Service of a router."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": object_name(cluster, workload.id),
            "namespace": cluster.namespace,
            "labels": labels(cluster, workload),
        },
        "spec": {
            "clusterIP": "None",
            "selector": selector(cluster, workload.id),
            "ports": [
                {
                    "name": "grpc",
                    "port": GRPC,
                    "targetPort": "grpc",
                    "protocol": "TCP",
                    "appProtocol": "kubernetes.io/h2c",
                },
                {"name": "metrics", "port": METRICS, "targetPort": "metrics", "protocol": "TCP"},
            ],
        },
    }


def address(cluster: Cluster, router: str) -> str:
    """Where a router is called from inside the cluster.

    >>> address(Cluster("ml", "turnout:1"), "churn")
    'turnout-churn.ml.svc:50051'
    """
    return f"{object_name(cluster, router)}.{cluster.namespace}.svc:{GRPC}"
