"""The checks of a router's configuration, one function per part. They gather; they do not raise."""

from collections.abc import Callable, Collection

from turnout.router.v1.router_pb2 import Router

from services.router.config import bandits, canaries, choosers, execution
from services.router.config.defaults import weight_of
from services.router.config.problems import Problems
from services.router.config.spans import check_span
from services.state.names import ID, ID_RULE

MOST_VARIANTS = 64
MOST_TAGS = 32
LONGEST_TEXT = 1024
LEAST_ENABLED = 2
# Seconds. A shorter deadline leaves no time for a call; a shorter retention none for feedback to come.
SHORTEST_DEADLINE = 0.01
SHORTEST_RETENTION = 60.0
LONGEST_RETENTION = 400 * 86_400.0
LOCAL, KUBERNETES = TARGETS = ("local", "kubernetes")
# As many replicas as the deployment follows.
MOST_REPLICAS = 1000


def variants(router: Router, models: Collection[str], problems: Problems) -> None:
    """Count, ids, weights and models of the variants."""
    if len(router.variants) > MOST_VARIANTS:
        problems.add("router.variants", f"at most {MOST_VARIANTS}, got {len(router.variants)}")
    if len(router.variants) < LEAST_ENABLED:
        problems.add("router.variants", f"at least {LEAST_ENABLED} are needed, got {len(router.variants)}")
    elif sum(variant.enabled for variant in router.variants) < LEAST_ENABLED:
        problems.add("router.variants", f"at least {LEAST_ENABLED} must stay enabled")
    seen: set[str] = set()
    for place, variant in enumerate(router.variants):
        field = f"router.variants[{place}]"
        if not ID.fullmatch(variant.id):
            problems.add(f"{field}.id", f"must be {ID_RULE}, got {variant.id[:100]!r}")
        elif variant.id in seen:
            problems.add(f"{field}.id", f"{variant.id} is used twice; give each variant one of its own")
        seen.add(variant.id)
        model(f"{field}.model", variant.model, models, problems)
        if not 0 <= weight_of(variant) <= 100:
            problems.add(f"{field}.weight", f"must be a number from 0 to 100, got {variant.weight:g}")


def model(field: str, name: str, models: Collection[str], problems: Problems) -> None:
    """One reference to a model."""
    if not name:
        problems.add(field, "is required: write models/{id} or {id}")
    elif not all(map(ID.fullmatch, name.removeprefix("models/").split("@", 1))):
        said = (
            f"must be models/{{id}} or an alias models/{{id}}@{{alias}}, each {ID_RULE}; got {name[:100]!r}"
        )
        problems.add(field, said)
    elif name not in models:
        problems.unknown_model(field, name)


def texts(router: Router, problems: Problems) -> None:
    """Length and number of what people write."""
    if len(router.description) > LONGEST_TEXT:
        problems.add(
            "router.description", f"at most {LONGEST_TEXT} characters, got {len(router.description)}"
        )
    if len(router.tags) > MOST_TAGS:
        problems.add("router.tags", f"at most {MOST_TAGS}, got {len(router.tags)}")
    for place, tag in enumerate(router.tags):
        if not 1 <= len(tag) <= 64:
            problems.add(f"router.tags[{place}]", f"1 to 64 characters, got {len(tag)}")
    check_span(router.default_deadline, "router.default_deadline", SHORTEST_DEADLINE, 3600.0, problems)
    if router.log.HasField("retention"):
        check_span(
            router.log.retention, "router.log.retention", SHORTEST_RETENTION, LONGEST_RETENTION, problems
        )


def deployment(router: Router, problems: Problems) -> None:
    """Where it runs. Whether there is a cluster to run in is asked when it is deployed."""
    target, replicas = router.deployment.target, router.deployment.replicas
    if target not in TARGETS:
        problems.add("router.deployment.target", f"one of {', '.join(TARGETS)}; got {target[:100]!r}")
    if not router.deployment.HasField("replicas"):
        return
    if target == LOCAL:
        problems.add("router.deployment.replicas", "belongs to a kubernetes target: leave it out")
    elif not 1 <= replicas <= MOST_REPLICAS:
        problems.add("router.deployment.replicas", f"1 to {MOST_REPLICAS}, got {replicas}")


def _weights(router: Router, problems: Problems) -> None:
    if router.variants and not any(weight_of(one) > 0 for one in router.variants if one.enabled):
        problems.add("router.variants", "at least one enabled variant needs a weight above 0")


def _evenly(router: Router, problems: Problems) -> None:
    """Round robin and random have no parameters, and give each enabled variant the same share."""
    for place, variant in enumerate(router.variants):
        if variant.HasField("weight"):
            told = f"{router.WhichOneof('strategy')} shares evenly: leave it out, or use weighted"
            problems.add(f"router.variants[{place}].weight", told)


def _chosen(router: Router, problems: Problems) -> None:
    """The strategies that have a room of their own."""
    name = router.WhichOneof("strategy") or "weighted"
    choosers.check(name, f"router.{name}", router, getattr(router, name), problems)


def policy_strategies(router: Router, problems: Problems) -> None:
    """The strategies of policies. The rest of a policy is checked with the rules."""
    for place, policy in enumerate(router.policies):
        name = policy.strategy.WhichOneof("strategy")
        field = f"router.policies[{place}].strategy"
        if name is not None:
            choosers.check(name, f"{field}.{name}", router, getattr(policy.strategy, name), problems)


STRATEGY_CHECKS: dict[str, Callable[[Router, Problems], None]] = {
    "weighted": _weights,
    "round_robin": _evenly,
    "random": _evenly,
    "canary": canaries.check,
    "bandit": bandits.check,
    # Its rules are checked with the policies.
    "feature_based": _chosen,
    "latency_based": _chosen,
    "least_loaded": _chosen,
    "best_metric": _chosen,
    "cost_aware": _chosen,
    "complexity": _chosen,
    "shadow": execution.shadow,
    # It is checked with the ensembles of policies.
    "ensemble": _chosen,
}
