"""What would be applied for a router, to read before it is."""

from collections.abc import Mapping
from typing import Any

import yaml
from turnout.router.v1.router_pb2 import Router

from services.deploy.manifests import manifests
from services.router.pods.cluster import cluster_of
from services.router.pods.wishes import wish
from services.router.settings import RouterSettings


def rendered(router: Router, settings: RouterSettings) -> list[Mapping[str, Any]]:
    """The manifests of a stored router, in the order in which they are applied."""
    return list(manifests(wish(router).workload, cluster_of(settings)))


def as_yaml(router: Router, settings: RouterSettings) -> str:
    """The same as `kubectl diff -f -` takes it."""
    return yaml.safe_dump_all(rendered(router, settings), sort_keys=False)
