"""Whether anything in a router reads the weights of its variants."""

from turnout.router.v1.router_pb2 import Router

# They never read a weight but to leave out who has none: strategy, and what it reads instead.
BUT_ZERO = {
    "least_loaded": "by calls in flight",
    "latency_based": "by latency",
    "bandit": "by rewards",
}
# They name who answers, whatever its weight.
NAMING = {
    "feature_based": "by its rules",
    "shadow": "by its primary",
    "canary": "by its percentage",
    "complexity": "by what a request asks for",
}


def chosen_by(router: Router) -> str:
    """What chooses instead of weights, where they are never read but for a 0; empty where they are."""
    name = router.WhichOneof("strategy") or "weighted"
    if _elsewhere(router) or by_weights_at_last(router):
        return ""
    return BUT_ZERO.get(name) or NAMING.get(name, "")


def unread(router: Router) -> str:
    """Why a weight would change nothing at all, a 0 included; empty where it would."""
    name, how = router.WhichOneof("strategy") or "weighted", chosen_by(router)
    return f"{name} chooses {how}: weights are not read" if name in NAMING and how else ""


def _elsewhere(router: Router) -> bool:
    """Whether a policy leads to something that reads weights."""
    return any(
        policy.HasField("ensemble")
        or policy.strategy.WhichOneof("strategy") in ("weighted", "best_metric", "cost_aware", "complexity")
        or (policy.HasField("subset") and router.HasField("feature_based"))
        for policy in router.policies
    )


def by_weights_at_last(router: Router) -> bool:
    """Whether, of complexity, others answer by their weights where neither of the two may."""
    if not router.HasField("complexity") or router.default_model:
        return False
    two = {router.complexity.small, router.complexity.large}
    return any(one.enabled and one.id not in two for one in router.variants)
