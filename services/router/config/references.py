"""Where a router names one of its variants, beside the list of them."""

from collections.abc import Iterable, Iterator

from turnout.router.v1.router_pb2 import Policy, Router, Variant
from turnout.router.v1.strategy_pb2 import ComplexityStrategy

from services.state.names import id_of


def references(router: Router, variant: Variant) -> list[str]:
    """Paths of the fields that name the variant, by its id or by its model."""
    known = {variant.id, variant.model, id_of(variant.model)}
    return [path for path, named in _named(router) if named in known]


def _named(router: Router) -> Iterator[tuple[str, str]]:
    yield from _strategy(router)
    yield from _each("fallback.variants", router.fallback.variants)
    yield from _each("mirror.variants", router.mirror.variants)
    yield "default_model", router.default_model
    for place, policy in enumerate(router.policies):
        yield from _policy(f"policies[{place}]", policy)


def _strategy(router: Router) -> Iterator[tuple[str, str]]:
    yield "canary.baseline_model", router.canary.baseline_model
    yield "canary.canary_model", router.canary.canary_model
    yield "shadow.primary", router.shadow.primary
    yield from _each("ensemble.members", router.ensemble.members)
    yield "feature_based.default_model", router.feature_based.default_model
    for place, rule in enumerate(router.feature_based.rules):
        yield f"feature_based.rules[{place}].model", rule.model
    yield from _complexity("complexity", router.complexity)


def _policy(path: str, policy: Policy) -> Iterator[tuple[str, str]]:
    yield f"{path}.variant", policy.variant
    yield from _each(f"{path}.subset.variants", policy.subset.variants)
    yield from _each(f"{path}.ensemble.members", policy.ensemble.members)
    yield from _each(f"{path}.strategy.variants", policy.strategy.variants)
    yield from _complexity(f"{path}.strategy.complexity", policy.strategy.complexity)


def _complexity(path: str, strategy: ComplexityStrategy) -> Iterator[tuple[str, str]]:
    yield f"{path}.small", strategy.small
    yield f"{path}.large", strategy.large
    for place, specialist in enumerate(strategy.specialists):
        yield f"{path}.specialists[{place}].variant", specialist.variant


def _each(path: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for place, named in enumerate(names):
        yield f"{path}[{place}]", named
