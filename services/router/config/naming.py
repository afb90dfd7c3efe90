"""Which models and aliases a router names: in its variants and conditions, and as helpers of ensembles."""

from collections.abc import Callable, Iterator

from turnout.router.v1.router_pb2 import Policy, Router
from turnout.router.v1.strategy_pb2 import FeatureRule

from services.router.conditions.errors import BadCondition
from services.router.conditions.kinds import Schema
from services.router.conditions.wire import condition_of
from services.router.config.panels import helpers_in


def models_named(router: Router) -> set[str]:
    """Models and aliases, as models/{id} or models/{id}@{alias}; conditions that are wrong name none."""
    return models_called(router) | set(_read(router, _on_models))


def models_called(router: Router) -> set[str]:
    """Those that may be asked something, by variants' and helpers' spelling."""
    variants = {variant.model for variant in router.variants}
    return (variants | {one.helper.model for one in helpers_in(router)}) - {""}


def aliases_read(router: Router) -> set[str]:
    """Aliases that help an ensemble, or whose metrics or drift a condition reads, as models/{id}@{alias}."""
    helpers = {one.helper.model for one in helpers_in(router)}
    return {named for named in helpers.union(_read(router, _on_aliases)) if "@" in named}


def rules_on_models(router: Router) -> bool:
    """Whether a condition may read metrics or drift of models. Most read the request alone."""
    conditions: list[Policy | FeatureRule] = [*router.policies, *router.feature_based.rules]
    return any(_on_models(given.condition) for given in conditions)


def _on_models(condition: str) -> bool:
    return "metrics" in condition or "drift" in condition


def _on_aliases(condition: str) -> bool:
    return "@" in condition and _on_models(condition)


def _read(router: Router, may: Callable[[str], bool]) -> Iterator[str]:
    """Models that conditions name. Compiling takes its time: only those are looked at that `may` name one."""
    schema = Schema(headers=frozenset(router.allowed_headers))
    conditions: list[Policy | FeatureRule] = [*router.policies, *router.feature_based.rules]
    for given in conditions:
        if not may(given.condition):
            continue
        try:
            yield from condition_of(given, schema).models()
        except BadCondition:
            continue
