"""How objects are called, and which labels say whose they are."""

import hashlib
from collections.abc import Mapping

from services.deploy.cluster import Cluster, Workload

MANAGER = "turnout"
UID = "turnout.dev/router-uid"
ROUTER = "turnout.dev/router"
REVISION = "turnout.dev/revision"
SUITE = "app.kubernetes.io/part-of"
# Services are DNS labels.
LONGEST = 63


def object_name(cluster: Cluster, router: str) -> str:
    """The name of every object of a router.

    >>> object_name(Cluster("ml", "turnout:1"), "churn")
    'turnout-churn'
    >>> len(object_name(Cluster("ml", "turnout:1"), "c" * 63))
    63
    """
    name = f"{cluster.suite}-{router}"
    if len(name) <= LONGEST:
        return name
    # Two long names that begin alike must not become one.
    digest = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{name[: LONGEST - len(digest) - 1].rstrip('-')}-{digest}"


def selector(cluster: Cluster, router: str) -> dict[str, str]:
    """What pods of a router are found by: what never changes, since a Deployment's selector cannot."""
    return {
        "app.kubernetes.io/name": "turnout-router",
        "app.kubernetes.io/instance": object_name(cluster, router),
    }


def labels(cluster: Cluster, workload: Workload) -> dict[str, str]:
    """The labels of every object of a router."""
    return {
        **selector(cluster, workload.id),
        "app.kubernetes.io/component": "router",
        **suite_labels(cluster),
        ROUTER: workload.id,
        UID: workload.uid,
    }


def suite_labels(cluster: Cluster) -> dict[str, str]:
    """What all objects of a suite are found by."""
    return {"app.kubernetes.io/managed-by": MANAGER, SUITE: cluster.suite}


def query(wanted: Mapping[str, str]) -> str:
    """Labels as the API server takes a selector.

    >>> query({"b": "2", "a": "1"})
    'a=1,b=2'
    """
    return ",".join(f"{name}={value}" for name, value in sorted(wanted.items()))


def ours(cluster: Cluster, found: Mapping[str, str]) -> bool:
    """Whether an object with these labels was made by this suite."""
    return suite_labels(cluster).items() <= dict(found).items()
