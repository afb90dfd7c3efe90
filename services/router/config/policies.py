"""The checks of rules: policies, feature_based, default_model, and what conditions may read."""

import re
from collections.abc import Collection, Mapping, Sequence

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import AttributeType, Policy, Router
from turnout.router.v1.strategy_pb2 import FeatureRule

from services.router.conditions.errors import BadCondition
from services.router.conditions.kinds import Schema
from services.router.conditions.wire import condition_of, schema_of
from services.router.config.mentions import variant_named
from services.router.config.problems import Problems
from services.state.names import ID, ID_RULE

# Each is asked at every prediction, for a third of a microsecond up to ten.
MOST_POLICIES = 200
MOST_RULES = 200
# Instructions of all regular expressions together: half a second for a request that makes the most of them.
LARGEST_REGEX = 20_000
MOST_ATTRIBUTES = 64
MOST_HEADERS = 16
LONGEST_NAME = 256
GREATEST_PRIORITY = 1_000_000
HEADER = re.compile(r"[a-z0-9_.-]{1,64}")
# What proves who calls is for nobody's conditions; binary headers hold no text.
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})


def check(
    router: Router, names: Collection[str], declared: Mapping[str, Model] | None, problems: Problems
) -> None:
    """Everything about router.policies, default_model, attributes and allowed_headers; and about
    router.feature_based where that is the strategy. `names` are those of registered models, `declared` what
    is known of them; where that is None, neither features nor names are asked after again."""
    _attributes(router, problems)
    _headers(router, problems)
    schema = schema_of(router, declared or {})
    models = names if declared is not None else None
    size = _policies(router, schema, models, problems)
    if router.HasField("feature_based"):
        size += _feature_based(router, schema, models, problems)
    if size > LARGEST_REGEX:
        said = f"regular expressions of at most {LARGEST_REGEX} instructions together, got {size}"
        problems.add("router.policies", said)
    if router.default_model:
        _default("router.default_model", router, router.default_model, problems)


def _attributes(router: Router, problems: Problems) -> None:
    if len(router.attributes) > MOST_ATTRIBUTES:
        problems.add("router.attributes", f"at most {MOST_ATTRIBUTES}, got {len(router.attributes)}")
    for name, kind in router.attributes.items():
        if not 1 <= len(name) <= LONGEST_NAME:
            problems.add("router.attributes", f"names of 1 to {LONGEST_NAME} characters, got {len(name)}")
        if kind not in AttributeType.values():
            said = f"ATTRIBUTE_TYPE_TEXT, _NUMBER or _BOOL, got {int(kind)}"
            problems.add(f"router.attributes[{name[:100]!r}]", said)


def _headers(router: Router, problems: Problems) -> None:
    if len(router.allowed_headers) > MOST_HEADERS:
        problems.add("router.allowed_headers", f"at most {MOST_HEADERS}, got {len(router.allowed_headers)}")
    for place, name in enumerate(router.allowed_headers):
        field = f"router.allowed_headers[{place}]"
        if not HEADER.fullmatch(name) or name.endswith("-bin"):
            said = f"1 to 64 of a-z, 0-9, _ . and -, not ending in -bin; got {name[:100]!r}"
            problems.add(field, said)
        elif name in SECRET_HEADERS:
            problems.add(field, f"{name} proves who calls; conditions cannot read it")


def _policies(router: Router, schema: Schema, models: Collection[str] | None, problems: Problems) -> int:
    if len(router.policies) > MOST_POLICIES:
        problems.add("router.policies", f"at most {MOST_POLICIES}, got {len(router.policies)}")
        return 0
    seen: set[str] = set()
    size = 0
    for place, policy in enumerate(router.policies):
        field = f"router.policies[{place}]"
        if not ID.fullmatch(policy.name):
            problems.add(f"{field}.name", f"must be {ID_RULE}, got {policy.name[:100]!r}")
        elif policy.name in seen:
            problems.add(f"{field}.name", f"{policy.name} is used twice")
        seen.add(policy.name)
        size += _condition(field, policy, schema, models, problems)
        _action(field, router, policy, problems)
    return size


def _condition(
    field: str,
    given: Policy | FeatureRule,
    schema: Schema,
    models: Collection[str] | None,
    problems: Problems,
) -> int:
    """The size of its regular expressions."""
    if not 0 <= given.priority <= GREATEST_PRIORITY:
        problems.add(f"{field}.priority", f"0 to {GREATEST_PRIORITY}, got {given.priority}")
    part = f"{field}.rule" if given.HasField("rule") and not given.condition else f"{field}.condition"
    try:
        condition = condition_of(given, schema)
    except BadCondition as wrong:
        within = f"; in policy {given.name[:100]}" if isinstance(given, Policy) and given.name else ""
        problems.add(f"{part}.{wrong.part}" if wrong.part else part, f"{wrong}{within}")
        return 0
    for model in sorted(condition.models()):
        if models is not None and model not in models:
            problems.unknown_model(part, model)
    return condition.regex_size


def _action(field: str, router: Router, policy: Policy, problems: Problems) -> None:
    action = policy.WhichOneof("action")
    match action:
        case "variant":
            _variant(f"{field}.variant", router, policy.variant, problems)
        case "subset":
            if not policy.subset.variants:
                problems.add(f"{field}.subset.variants", "at least one is needed")
            _variants(f"{field}.subset.variants", router, policy.subset.variants, problems)
        case "ensemble":
            _variants(f"{field}.ensemble.members", router, policy.ensemble.members, problems)
        case "strategy":
            _variants(f"{field}.strategy.variants", router, policy.strategy.variants, problems)
            chosen = policy.strategy.WhichOneof("strategy")
            if chosen is None:
                problems.add(f"{field}.strategy", "needs a strategy, such as round_robin {}")
        case _:
            problems.add(field, "needs one of variant, subset, strategy and ensemble")


def _variants(field: str, router: Router, named: Sequence[str], problems: Problems) -> None:
    if len(set(named)) < len(named):
        problems.add(field, "each variant once")
    for place, one in enumerate(named):
        _variant(f"{field}[{place}]", router, one, problems)


def _default(field: str, router: Router, named: str, problems: Problems) -> None:
    _variant(field, router, named, problems)
    chosen = variant_named(router, named)
    if any(one.id == chosen and one.HasField("enabled") and not one.enabled for one in router.variants):
        problems.add(field, f"{named[:100]} is disabled; who answers by default must be enabled")


def _variant(field: str, router: Router, named: str, problems: Problems) -> None:
    if not named:
        problems.add(field, "is required: the id of a variant, or its model")
    elif variant_named(router, named) is None:
        problems.add(field, f"{named[:100]!r} is no variant of this router, nor the model of one")


def _feature_based(router: Router, schema: Schema, models: Collection[str] | None, problems: Problems) -> int:
    strategy, field = router.feature_based, "router.feature_based"
    if not 1 <= len(strategy.rules) <= MOST_RULES:
        problems.add(f"{field}.rules", f"1 to {MOST_RULES}, got {len(strategy.rules)}")
        return 0
    if not strategy.default_model and not router.default_model:
        problems.add(f"{field}.default_model", "is required: who answers where no rule matches")
    elif strategy.default_model:
        _default(f"{field}.default_model", router, strategy.default_model, problems)
    size = 0
    for place, rule in enumerate(strategy.rules):
        size += _condition(f"{field}.rules[{place}]", rule, schema, models, problems)
        _variant(f"{field}.rules[{place}].model", router, rule.model, problems)
    return size
