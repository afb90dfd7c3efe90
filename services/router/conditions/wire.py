"""Conditions from messages: the schema of a router, and its rules."""

from collections.abc import Generator, Hashable, Mapping, Sequence
from typing import cast

from google.protobuf.struct_pb2 import Value
from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.router.v1 import model_pb2, router_pb2
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Policy, Router, Segment
from turnout.router.v1.strategy_pb2 import FeatureRule, OperatorRule, RuleOperator

from services.router.conditions.compiling import Condition, compile_condition
from services.router.conditions.errors import BadCondition
from services.router.conditions.keeping import conditions, values
from services.router.conditions.kinds import Kind, Schema
from services.router.conditions.names import MEASURES
from services.router.conditions.operators import Value as Scalar
from services.router.conditions.operators import compile_rule
from services.router.conditions.policies import Rule, Rules
from services.router.conditions.tensors import forms_of
from services.router.conditions.values import Valued, compile_value
from services.router.conditions.view import Measures

FEATURES = {model_pb2.FEATURE_KIND_NUMERIC: Kind.NUMBER, model_pb2.FEATURE_KIND_CATEGORICAL: Kind.TEXT}
ATTRIBUTES = {
    router_pb2.ATTRIBUTE_TYPE_UNSPECIFIED: Kind.TEXT,
    router_pb2.ATTRIBUTE_TYPE_TEXT: Kind.TEXT,
    router_pb2.ATTRIBUTE_TYPE_NUMBER: Kind.NUMBER,
    router_pb2.ATTRIBUTE_TYPE_BOOL: Kind.BOOL,
}
_QUANTILES = ("latency_p50", "latency_p95", "latency_p99")
# How many of each there are is always known; what is measured of them may not be.
_COUNTED = tuple(name for name, kind in MEASURES.items() if kind is Kind.INT)
_MEASURED = tuple(name for name, kind in MEASURES.items() if kind is Kind.NUMBER and name not in _QUANTILES)


def schema_of(router: Router, models: Mapping[str, Model]) -> Schema:
    """The names that the router's conditions may use. Models that are not in `models` declare nothing."""
    features: dict[str, Kind] = {}
    for variant in router.variants:
        model = models.get(variant.model)
        for feature in model.signature.features if model is not None else ():
            kind = FEATURES.get(feature.kind, Kind.FREE)
            # Two models that disagree about a column: what the request sends decides.
            features[feature.name] = kind if features.get(feature.name, kind) is kind else Kind.FREE
    attributes = {name: ATTRIBUTES.get(kind, Kind.TEXT) for name, kind in router.attributes.items()}
    return Schema(features, attributes, frozenset(router.allowed_headers), forms_of(router, models))


def condition_of(given: Policy | FeatureRule, schema: Schema) -> Condition:
    """The condition of a policy or a rule, in whichever form: the same object for the same condition over the
    same names, as long as it is kept. Raises BadCondition."""
    if given.HasField("rule") == bool(given.condition):
        raise BadCondition("needs either a condition in CEL or a rule, not both")

    def made() -> Condition:
        if given.condition:
            return compile_condition(given.condition, schema)
        return _of_rule(given.rule, schema)

    return conditions().of(_key(given, schema), made)


def value_of(segment: Segment, schema: Schema) -> Valued:
    """The expression of a segment, kept alike. Raises BadCondition."""
    key = segment.expression, schema.key
    return values().of(key, lambda: compile_value(segment.expression, schema))


def compiling(router: Router, schema: Schema) -> Generator[object, None, bool]:
    """Compile what is not kept of a router's rules and segments: each as it is made, for whoever has to rest
    in between, and True in the end; False at the first that is wrong, which whoever needs it is told."""
    rules: list[Policy | FeatureRule] = [*filter(_is_enabled, router.policies), *router.feature_based.rules]
    try:
        for rule in rules:
            if _key(rule, schema) not in conditions():
                yield condition_of(rule, schema)
        for segment in router.segments:
            if (segment.expression, schema.key) not in values():
                yield value_of(segment, schema)
    except BadCondition:
        return False
    return True


def _key(given: Policy | FeatureRule, schema: Schema) -> Hashable:
    said = given.condition or given.rule.SerializeToString(deterministic=True)
    return said, schema.key


def _is_enabled(policy: Policy) -> bool:
    return policy.enabled or not policy.HasField("enabled")


def _of_rule(rule: OperatorRule, schema: Schema) -> Condition:
    known = rule.operator in RuleOperator.values()
    operator = RuleOperator.Name(rule.operator) if known else str(int(rule.operator))
    name = operator.removeprefix("RULE_OPERATOR_").lower()
    return compile_rule(rule.field, name, _value(rule.value), schema)


def _value(value: Value) -> Scalar | Sequence[Scalar]:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        found = [_value(item) for item in value.list_value.values]
        if any(isinstance(item, list) for item in found):
            raise BadCondition("has a list within its list of values", "value")
        return cast("list[Scalar]", found)
    if kind not in ("string_value", "number_value", "bool_value"):
        raise BadCondition("needs a value: text, a number, true or false, or a list of them", "value")
    return cast("Scalar", getattr(value, kind))


def policies_of(router: Router, schema: Schema) -> Rules:
    """The router's enabled policies; `Rule.action` is the place in router.policies. Raises BadCondition."""
    return Rules(
        Rule(policy.name, place, condition_of(policy, schema), policy.priority)
        for place, policy in enumerate(router.policies)
        if _is_enabled(policy)
    )


def feature_rules_of(router: Router, schema: Schema) -> Rules:
    """The rules of feature_based, named rules[0] and so on; `Rule.action` is the place.

    Raises BadCondition."""
    return Rules(
        Rule(f"rules[{place}]", place, condition_of(rule, schema), rule.priority)
        for place, rule in enumerate(router.feature_based.rules)
    )


def measures_of(metrics: ModelMetrics) -> Measures:
    """What feedback published of a model, by the names of conditions; what is not measured is absent."""
    found: dict[str, float] = {name: getattr(metrics, name) for name in _COUNTED}
    for name in _MEASURED:
        if metrics.HasField(name):
            found[name] = getattr(metrics, name)
    for name in _QUANTILES:
        if metrics.HasField(f"{name}_ms"):  # type: ignore[arg-type,unused-ignore]
            found[name] = getattr(metrics, f"{name}_ms")
    return found
