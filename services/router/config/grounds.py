"""Whether what the models of a router declare bears its conditions."""

from collections.abc import Iterator, Mapping

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Policy, Router
from turnout.router.v1.strategy_pb2 import FeatureRule

from services.router.conditions import BadCondition, compile_value
from services.router.conditions.wire import condition_of, schema_of
from services.router.managing.aliases import resolved


def unfounded(router: Router, models: Mapping[str, Model]) -> list[str]:
    """A sentence for each condition in force, and each segment, that reads what these models do not declare;
    it names the policy or rule, and its field. `models` are those of the stored router's variants."""
    return list(_unfounded(resolved(router), models))


def _unfounded(router: Router, models: Mapping[str, Model]) -> Iterator[str]:
    schema = schema_of(router, models)
    ruled: list[tuple[str, Policy | FeatureRule]] = [
        (f"policy {policy.name} (policies[{place}]", policy)
        for place, policy in enumerate(router.policies)
        if policy.enabled or not policy.HasField("enabled")
    ]
    for place, rule in enumerate(router.feature_based.rules):
        ruled.append((f"a rule (feature_based.rules[{place}]", rule))
    for name, given in ruled:
        try:
            condition_of(given, schema)
        except BadCondition as wrong:
            yield f"{name}.{'condition' if given.condition else 'rule'}) {wrong}"
    for place, segment in enumerate(router.segments):
        try:
            compile_value(segment.expression, schema)
        except BadCondition as wrong:
            yield f"segment {segment.name} (segments[{place}].expression) {wrong}"
