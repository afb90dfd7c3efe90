"""Which processes serve a router: all of them, or those that were started for it."""

from collections.abc import Collection

from turnout.router.v1.router_pb2 import Router

from services.router.config.checks import KUBERNETES
from services.router.managing.lifecycle import SERVING


def has_pods(router: Router) -> bool:
    """Whether a router runs in pods of its own, once it is deployed."""
    return router.deployment.target == KUBERNETES


def elsewhere(router: Router, only: Collection[str]) -> str:
    """Why a process that serves `only` these routers (none: all) does not serve one; empty if it does.

    >>> pods = Router(name="routers/a", endpoint="a.ml.svc:50051", state="ROUTER_STATE_RUNNING")
    >>> pods.deployment.target = "kubernetes"
    >>> elsewhere(pods, []), elsewhere(pods, ["routers/a"])
    ('it answers in pods of its own, at a.ml.svc:50051', '')
    >>> elsewhere(pods, ["routers/b"])
    'this process serves routers/b alone'
    """
    if only:
        return "" if router.name in only else f"this process serves {', '.join(sorted(only))} alone"
    if not has_pods(router) or router.state not in SERVING:
        return ""
    where = router.endpoint or "an address that GetRouter tells once it is running"
    return f"it answers in pods of its own, at {where}"
