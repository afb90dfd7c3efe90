"""Which models and aliases a router names: in its variants and conditions, and as helpers of ensembles."""

from collections.abc import Callable, Iterator

from google.protobuf.message import Message
from turnout.router.v1.ensemble_pb2 import Helper
from turnout.router.v1.router_pb2 import Policy, Router
from turnout.router.v1.strategy_pb2 import FeatureRule

from services.router.conditions.errors import BadCondition
from services.router.conditions.kinds import Schema
from services.router.conditions.wire import condition_of


def models_named(router: Router) -> set[str]:
    """Models and aliases, as models/{id} or models/{id}@{alias}; conditions that are wrong name none."""
    variants = {variant.model for variant in router.variants if variant.model}
    return variants | _helping(router) | set(_read(router, _on_models))


def aliases_read(router: Router) -> set[str]:
    """Aliases that help an ensemble, or whose metrics or drift a condition reads, as models/{id}@{alias}."""
    return {named for named in (*_helping(router), *_read(router, _on_aliases)) if "@" in named}


def helpers_in(message: Message) -> Iterator[Helper]:
    """Every helper that a message names, however deep inside."""
    if isinstance(message, Helper):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for part in value if field.is_repeated else (value,):
            yield from helpers_in(part)


def helper_named(helper: Helper) -> str:
    """Its model in full, as models/{id} or models/{id}@{alias}."""
    return helper.model if helper.model.startswith("models/") else f"models/{helper.model}"


def _helping(router: Router) -> set[str]:
    ensembles = [policy.ensemble for policy in router.policies if policy.HasField("ensemble")]
    if router.HasField("ensemble"):
        ensembles.append(router.ensemble)
    return {helper_named(one) for ensemble in ensembles for one in helpers_in(ensemble) if one.model}


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
