"""The NetworkPolicy: who may reach the pods.

Where the pods may go is left to the cluster: models are wherever they are registered, and a list made today
would cut off the model that is registered tomorrow.
"""

from typing import Any

from services.deploy.cluster import Cluster, Workload
from services.deploy.labels import labels, object_name, selector
from services.deploy.manifests.route import gateway_namespace

# Every namespace has this label, set by the API server to its name.
NAMESPACE = "kubernetes.io/metadata.name"


def make(workload: Workload, cluster: Cluster) -> dict[str, Any]:
    """The policy of a router."""
    namespaces = sorted({cluster.namespace, *cluster.callers, *gateway_namespace(cluster)})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": object_name(cluster, workload.id),
            "namespace": cluster.namespace,
            "labels": labels(cluster, workload),
        },
        "spec": {
            "podSelector": {"matchLabels": selector(cluster, workload.id)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [{"namespaceSelector": {"matchLabels": {NAMESPACE: one}}} for one in namespaces],
                    "ports": [
                        {"protocol": "TCP", "port": "grpc"},
                        {"protocol": "TCP", "port": "metrics"},
                    ],
                }
            ],
        },
    }
