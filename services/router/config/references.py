"""Where a router names one of its variants, beside the list of them."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from turnout.router.v1.router_pb2 import Policy, Router, Variant
from turnout.router.v1.strategy_pb2 import ComplexityStrategy

from services.foundation.errors import TurnoutError
from services.router.config.defaults import with_defaults
from services.router.config.problems import renamed
from services.state.names import id_of

# What is said of a variant that nobody wrote is said of the model's name, or of the id made from it.
TAKEN_IN = re.compile(r"router\.variants\[(\d+)\]\.(?:model|id)$")


def references(router: Router, variant: Variant) -> list[str]:
    """Paths of the fields that name the variant, by its id or by its model."""
    known = {variant.id, variant.model, id_of(variant.model)}
    return [path for path, named in _named(router) if named in known]


@contextmanager
def as_written(given: Router) -> Iterator[None]:
    """Let a refusal name the fields of `given`, as it was before its defaults: a model that a strategy names
    is a variant too, and nobody wrote that."""
    try:
        yield
    except TurnoutError as wrong:
        raise renamed(wrong, partial(_as_written, given)) from wrong


def _as_written(given: Router, field: str) -> str:
    found = TAKEN_IN.match(field)
    variants = with_defaults(given).variants
    if found is None or not len(given.variants) <= int(found[1]) < len(variants):
        return field
    model = id_of(variants[int(found[1])].model)
    return next((f"router.{path}" for path, named in _named(given) if id_of(named) == model), field)


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
