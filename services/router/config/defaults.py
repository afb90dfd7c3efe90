"""A router as it will be stored: every default that applies is written out."""

from turnout.router.v1.router_pb2 import Policy, Router, Variant

from services.router.config import (
    bandits,
    canaries,
    choosers,
    execution,
    experiments,
    options,
    panel_defaults,
    segments,
)
from services.router.config.health import limits_with_defaults
from services.router.config.mentions import call_by_ids
from services.state.names import id_of

DEADLINE_SECONDS = 30


def with_defaults(given: Router) -> Router:
    """A copy with ids, weights, flags and the strategy's parameters filled in. Nothing is checked here."""
    router = Router()
    router.CopyFrom(given)
    if router.WhichOneof("strategy") is None:
        router.weighted.SetInParent()
    if router.WhichOneof("strategy") == "canary":
        _canary(router)
    if router.WhichOneof("strategy") == "feature_based":
        by_rule = [rule.model for rule in router.feature_based.rules]
        _take_in(router, *by_rule, router.feature_based.default_model)
    for variant in router.variants:
        _variant(variant)
    call_by_ids(router)
    if router.HasField("bandit"):
        bandits.fill(router.bandit)
    if router.HasField("ensemble"):
        panel_defaults.fill(router.ensemble, router.variants)
    name = router.WhichOneof("strategy") or "weighted"
    choosers.fill(name, getattr(router, name))
    options.fill(router)
    execution.fill(router)
    for policy in router.policies:
        _policy(router, policy)
    if not router.HasField("default_deadline"):
        router.default_deadline.FromSeconds(DEADLINE_SECONDS)
    limits_with_defaults(router)
    segments.fill(router)
    experiments.fill(router)
    router.deployment.target = router.deployment.target or "local"
    return router


def _variant(variant: Variant) -> None:
    model = variant.model
    if model and "/" not in model:
        variant.model = f"models/{model}"
    # Two aliases of one base, such as champion and challenger, must not be one variant.
    variant.id = variant.id or id_of(model).replace("@", "-")
    variant.enabled = variant.enabled if variant.HasField("enabled") else True


def weight_of(variant: Variant) -> float:
    """The variant's weight; 1 where none was declared."""
    return variant.weight if variant.HasField("weight") else 1.0


def _take_in(router: Router, *models: str) -> None:
    """Make variants of models that the strategy names itself: they need not be written twice."""
    known = {name for variant in router.variants for name in (variant.id, id_of(variant.model))}
    for model in dict.fromkeys(models):
        if model and id_of(model) not in known:
            known.add(id_of(model))
            router.variants.add(model=model)


def _canary(router: Router) -> None:
    canary = router.canary
    canaries.fill(canary)
    _take_in(router, canary.baseline_model, canary.canary_model)


def _policy(router: Router, policy: Policy) -> None:
    policy.enabled = policy.enabled if policy.HasField("enabled") else True
    if policy.HasField("ensemble"):
        panel_defaults.fill(policy.ensemble, router.variants)
    name = policy.strategy.WhichOneof("strategy")
    if name is not None:
        choosers.fill(name, getattr(policy.strategy, name))
