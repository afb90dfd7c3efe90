"""Which models a router names: in its variants, and in its conditions."""

from collections.abc import Iterator

from turnout.router.v1.router_pb2 import Policy, Router
from turnout.router.v1.strategy_pb2 import FeatureRule

from services.router.conditions.errors import BadCondition
from services.router.conditions.kinds import Schema
from services.router.conditions.wire import condition_of


def models_named(router: Router) -> set[str]:
    """Models and aliases, as models/{id} or models/{id}@{alias}; conditions that are wrong name none."""
    return {variant.model for variant in router.variants if variant.model} | set(_read(router))


def _read(router: Router) -> Iterator[str]:
    schema = Schema(headers=frozenset(router.allowed_headers))
    conditions: list[Policy | FeatureRule] = [*router.policies, *router.feature_based.rules]
    for given in conditions:
        # Most of them read the request alone, and compiling takes its time.
        if "metrics" not in given.condition and "drift" not in given.condition:
            continue
        try:
            yield from condition_of(given, schema).models()
        except BadCondition:
            continue
