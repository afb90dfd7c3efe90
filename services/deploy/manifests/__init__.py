"""What is applied for a router: one file per object, each a pure function from router and cluster to a dict.

The Deployment is applied last and removed last: as long as it is there the rest is looked after, so a removal
that broke off is taken up where it was.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from services.deploy.cluster import Cluster, Workload
from services.deploy.manifests import autoscaler, disruption, network, route, service, workers

Manifest = dict[str, Any]

MAKERS: dict[str, Callable[[Workload, Cluster], Manifest]] = {
    "Service": service.make,
    "NetworkPolicy": network.make,
    "PodDisruptionBudget": disruption.make,
    "HorizontalPodAutoscaler": autoscaler.make,
    "GRPCRoute": route.make,
    "Deployment": workers.make,
}


def manifests(workload: Workload, cluster: Cluster) -> list[Manifest]:
    """Everything that is applied for a router; a route only where there is a gateway."""
    wanted = (kind for kind in MAKERS if kind != "GRPCRoute" or cluster.gateway)
    return [MAKERS[kind](workload, cluster) for kind in wanted]


def digest(made: list[Manifest]) -> str:
    """Tells two sets of manifests apart."""
    text = json.dumps(made, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
