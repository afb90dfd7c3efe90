"""Where the API server keeps each kind."""

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of object: its group and version, and how its collection is called."""

    name: str
    api: str
    plural: str

    def path(self, namespace: str, name: str = "") -> str:
        """Of the collection, or of one object.

        >>> KINDS["Deployment"].path("ml", "turnout-churn")
        '/apis/apps/v1/namespaces/ml/deployments/turnout-churn'
        """
        root = "/apis" if "/" in self.api else "/api"
        collection = f"{root}/{self.api}/namespaces/{namespace}/{self.plural}"
        return f"{collection}/{name}" if name else collection


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("Service", "v1", "services"),
        Kind("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
        Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets"),
        Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers"),
        Kind("GRPCRoute", "gateway.networking.k8s.io/v1", "grpcroutes"),
        Kind("Deployment", "apps/v1", "deployments"),
        Kind("Pod", "v1", "pods"),
    )
}
