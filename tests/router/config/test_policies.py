"""What is refused of policies, rules and what conditions may read, with the field and what is right."""

from collections.abc import Callable
from typing import Any

import pytest
from turnout.router.v1 import model_pb2, router_pb2, strategy_pb2
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.router.config import policies
from services.router.config.defaults import with_defaults
from services.router.config.mentions import variant_named
from services.router.config.problems import InvalidConfiguration, Problems
from services.router.config.validate import validate

MODELS = {name: Model(name=name) for name in ("models/a", "models/b", "models/c")}
MODELS["models/a"].signature.features.add(name="amount", kind=model_pb2.FEATURE_KIND_NUMERIC)
MODELS["models/a"].signature.features.add(name="contract_type", kind=model_pb2.FEATURE_KIND_CATEGORICAL)


def router() -> Router:
    return Router(
        name="routers/churn",
        variants=[{"id": "a", "model": "models/a"}, {"id": "bee", "model": "models/b"}],
    )


def problems_of(given: Router) -> Problems:
    problems = Problems()
    policies.check(given, MODELS, MODELS, problems)
    return problems


def wrong(given: Router) -> dict[str, str]:
    return {fault.field: fault.description for fault in problems_of(given).wrong}


def test_sound_policies_of_every_kind_are_accepted() -> None:
    given = router()
    given.attributes["image_type"] = router_pb2.ATTRIBUTE_TYPE_TEXT
    given.allowed_headers.append("x-tier")
    given.default_model = "models/b"
    given.policies.add(name="medical", condition="image_type == 'medical'", variant="a", priority=1)
    given.policies.add(name="rich", condition="amount > 1000.0").subset.variants.append("bee")
    given.policies.add(name="degraded", condition="metrics('models/c').accuracy < 0.9", variant="b")
    given.policies.add(
        name="gold", condition="headers['x-tier'] == 'gold'"
    ).strategy.round_robin.SetInParent()
    ruled = given.policies.add(name="all")
    ruled.ensemble.members.append("a")
    ruled.rule.field, ruled.rule.operator = "contract_type", strategy_pb2.RULE_OPERATOR_EQUALS
    ruled.rule.value.string_value = "enterprise"
    found = problems_of(given)
    assert [*found.wrong, *found.unavailable, *found.unknown_models] == []


def test_nothing_of_all_this_is_needed() -> None:
    assert not wrong(router())


def test_the_body_of_the_specification_is_accepted() -> None:
    given = router()
    for kind, model in (("enterprise", "a"), ("consumer", "b")):
        given.feature_based.rules.add(condition=f"contract_type == '{kind}'", model=model)
    given.feature_based.default_model = "bee"
    assert not wrong(given)


def _policy(field: str) -> Callable[[Router, object], None]:
    def change(given: Router, value: object) -> None:
        policy = given.policies.add(name="p", condition="true", variant="a")
        setattr(policy, field, value)

    return change


@pytest.mark.parametrize(
    ("field", "value", "path", "said"),
    [
        ("name", "", "name", "lower-case letters"),
        ("name", "Gold", "name", "lower-case letters"),
        ("name", "a" * 64, "name", "1 to 63"),
        ("priority", -1, "priority", "0 to 1000000, got -1"),
        ("priority", policies.GREATEST_PRIORITY + 1, "priority", "got 1000001"),
        ("condition", "amount >", "condition", "ends too early"),
        ("condition", "nobody == 1", "condition", "does not know 'nobody'"),
        ("condition", "amount == 'a'", "condition", "compares a number with text"),
        ("condition", "(" * (1 << 20), "condition", "has 1048576 bytes"),
        ("condition", "", "condition", "either a condition in CEL or a rule"),
        ("variant", "zed", "variant", "'zed' is no variant of this router"),
        ("variant", "", "variant", "is required"),
    ],
)
def test_a_wrong_policy_is_refused(field: str, value: object, path: str, said: str) -> None:
    given = router()
    _policy(field)(given, value)
    assert said in wrong(given)[f"router.policies[0].{path}"]


@pytest.mark.parametrize("priority", [0, policies.GREATEST_PRIORITY])
def test_the_ends_of_the_priorities_are_allowed(priority: int) -> None:
    given = router()
    _policy("priority")(given, priority)
    assert not wrong(given)


def test_a_disabled_policy_is_checked_all_the_same() -> None:
    given = router()
    given.policies.add(name="p", condition="amount >", variant="a", enabled=False)
    assert "router.policies[0].condition" in wrong(given)


def test_names_are_unique() -> None:
    given = router()
    for _ in range(2):
        given.policies.add(name="p", condition="true", variant="a")
    assert wrong(given) == {"router.policies[1].name": "p is used twice"}


def test_a_condition_and_a_rule_exclude_each_other() -> None:
    given = router()
    given.policies.add(name="p", condition="true", variant="a").rule.field = "amount"
    assert "not both" in wrong(given)["router.policies[0].condition"]


def test_a_rule_in_operator_form_is_checked() -> None:
    given = router()
    rule = given.policies.add(name="p", variant="a").rule
    rule.field, rule.operator = "amount", strategy_pb2.RULE_OPERATOR_EQUALS
    assert "needs a value" in wrong(given)["router.policies[0].rule.value"]
    rule.value.list_value.values.add().list_value.SetInParent()
    assert "needs a value" not in wrong(given)["router.policies[0].rule.value"]
    rule.value.string_value = "a"
    assert "compares a number with text" in wrong(given)["router.policies[0].rule.value"]
    rule.operator = strategy_pb2.RULE_OPERATOR_UNSPECIFIED
    assert "there are: equals" in wrong(given)["router.policies[0].rule.operator"]
    rule.operator = 99  # type: ignore[assignment]
    assert "there are: equals" in wrong(given)["router.policies[0].rule.operator"]


def test_an_action_is_needed_and_names_variants() -> None:
    given = router()
    given.policies.add(name="none", condition="true")
    given.policies.add(name="empty", condition="true").subset.SetInParent()
    given.policies.add(name="twice", condition="true").subset.variants.extend(["a", "a"])
    given.policies.add(name="stranger", condition="true").ensemble.members.append("zed")
    given.policies.add(name="idle", condition="true").strategy.variants.append("zed")
    assert wrong(given) == {
        "router.policies[0]": "needs one of variant, subset, strategy and ensemble",
        "router.policies[1].subset.variants": "at least one is needed",
        "router.policies[2].subset.variants": "each variant once",
        "router.policies[3].ensemble.members[0]": "'zed' is no variant of this router, nor the model of one",
        "router.policies[4].strategy.variants[0]": "'zed' is no variant of this router, nor the model of one",
        "router.policies[4].strategy": "needs a strategy, such as round_robin {}",
    }


def test_a_model_or_alias_that_a_condition_reads_must_be_known() -> None:
    given = router()
    given.policies.add(name="p", condition="metrics('zed').accuracy < 0.9", variant="a")
    given.policies.add(name="q", condition="drift('churn@champion') == 'alert'", variant="a")
    assert problems_of(given).unknown_models == [
        ("router.policies[0].condition", "models/zed is not registered"),
        ("router.policies[1].condition", "models/churn@champion is not registered"),
    ]


def test_both_sides_of_the_number_of_policies_and_rules() -> None:
    given = router()
    for place in range(policies.MOST_POLICIES):
        given.policies.add(name=f"p{place}", condition="true", variant="a")
    assert not wrong(given)
    given.policies.add(name="more", condition="true", variant="a")
    assert wrong(given) == {"router.policies": "at most 200, got 201"}
    given = router()
    given.default_model = "a"
    for _ in range(policies.MOST_RULES):
        given.feature_based.rules.add(condition="true", model="a")
    assert not wrong(given)
    given.feature_based.rules.add(condition="true", model="a")
    assert wrong(given) == {"router.feature_based.rules": "1 to 200, got 201"}
    del given.feature_based.rules[:]
    assert wrong(given) == {"router.feature_based.rules": "1 to 200, got 0"}


def test_both_sides_of_the_size_of_all_regular_expressions() -> None:
    given = router()
    for place in range(policies.LARGEST_REGEX // 2500):
        given.policies.add(name=f"p{place}", condition="entity_id.matches('.{312}')", variant="a")
    assert not wrong(given)
    given.policies.add(name="more", condition="entity_id.matches('a')", variant="a")
    assert "at most 20000 instructions together, got 2000" in wrong(given)["router.policies"]


def test_feature_rules_need_a_model_and_a_default() -> None:
    given = router()
    given.feature_based.rules.add(condition="true", model="zed")
    found = wrong(given)
    assert "no variant" in found["router.feature_based.rules[0].model"]
    assert "is required" in found["router.feature_based.default_model"]
    given.feature_based.default_model = "zed"
    assert "no variant" in wrong(given)["router.feature_based.default_model"]
    given.feature_based.default_model = "b"
    given.default_model = "zed"
    assert "no variant" in wrong(given)["router.default_model"]


def test_both_sides_of_attributes() -> None:
    given = router()
    for place in range(policies.MOST_ATTRIBUTES):
        given.attributes[f"a{place}"] = router_pb2.ATTRIBUTE_TYPE_TEXT
    assert not wrong(given)
    given.attributes["more"] = router_pb2.ATTRIBUTE_TYPE_TEXT
    assert wrong(given) == {"router.attributes": "at most 64, got 65"}
    given = router()
    given.attributes["a" * policies.LONGEST_NAME] = router_pb2.ATTRIBUTE_TYPE_TEXT
    assert not wrong(given)
    given.attributes["a" * (policies.LONGEST_NAME + 1)] = router_pb2.ATTRIBUTE_TYPE_TEXT
    assert wrong(given) == {"router.attributes": "names of 1 to 256 characters, got 257"}
    given = router()
    given.attributes["x"] = 99  # type: ignore[assignment]
    assert "got 99" in wrong(given)["router.attributes['x']"]


def test_both_sides_of_headers() -> None:
    given = router()
    given.allowed_headers.extend(f"x-{place}" for place in range(policies.MOST_HEADERS))
    assert not wrong(given)
    given.allowed_headers.append("more")
    assert wrong(given) == {"router.allowed_headers": "at most 16, got 17"}


@pytest.mark.parametrize("name", ["", "X-Tier", "x tier", "x-bytes-bin", "authorization", "cookie", "a" * 65])
def test_a_header_that_is_none_or_a_secret_is_refused(name: str) -> None:
    given = router()
    given.allowed_headers.append(name)
    assert "router.allowed_headers[0]" in wrong(given)


def test_a_variant_is_found_by_its_id_before_its_model() -> None:
    given = router()
    given.variants.add(id="b", model="models/c")
    assert variant_named(given, "b") == "b"
    assert variant_named(given, "models/b") == "bee"
    assert variant_named(given, "zed") is None


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("age = 10", "cannot be read at character 5: '= 10'; write == to compare"),
        ("age > 10.0 and true", "has an unexpected 'and' at character 12; write && for 'and'"),
        ("age >", "ends too early after '>', at character 6: a value or a name is missing"),
        ("(age > 3.0", "ends too early after '3.0', at character 11: ) is missing"),
        ("lower(plan", "ends too early after 'plan', at character 11: , or ) is missing"),
        ("mean radius > 3.0", "at character 6; a name with a space is written features['mean radius']"),
        ("plan.startswith('g')", "does not know .startswith(); did you mean startsWith()?"),
        (
            "age > 3.0 && plan > 3",
            "compares text with a whole number; write the value in quotes; at character 14",
        ),
        ("attributes['n'] > 3", "declare attributes.n as ATTRIBUTE_TYPE_NUMBER in router.attributes"),
        ('plan == "gold', "the text that begins here does not end"),
        (
            "plan == gold",
            "Another attribute is written attributes['gold'], and text 'gold'; at character 9: gold",
        ),
        ("has(plan)", "invalid argument to has() macro, at character 5; has() asks for features.x"),
    ],
)
def test_a_newcomer_reads_where_it_is_wrong_what_would_be_right_and_in_which_policy(
    condition: str, said: str
) -> None:
    model = Model(name="models/a")
    model.signature.features.add(name="age", kind=model_pb2.FEATURE_KIND_NUMERIC)
    model.signature.features.add(name="plan", kind=model_pb2.FEATURE_KIND_CATEGORICAL)
    given = Router(variants=[{"model": "a"}, {"model": "b"}])
    given.policies.add(name="elders", condition=condition, variant="a")
    with pytest.raises(InvalidConfiguration) as refused:
        validate(with_defaults(given), {"models/a", "models/b"}, {"models/a": model})
    (wrong,) = refused.value.fields
    assert wrong.field == "router.policies[0].condition"
    assert said in wrong.description
    assert wrong.description.endswith("; in policy elders")


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        ({"field": "", "operator": "RULE_OPERATOR_EQUALS", "value": {"number_value": 1}}, "field"),
        ({"field": "age", "value": {"number_value": 1}}, "operator"),
        ({"field": "entity_id", "operator": "RULE_OPERATOR_EQUALS", "value": {"number_value": 1}}, "value"),
    ],
)
def test_an_operator_rule_is_refused_by_the_part_that_is_wrong(rule: dict[str, Any], part: str) -> None:
    given = Router(variants=[{"model": "a"}, {"model": "b"}])
    given.policies.add(name="p", rule=rule, variant="a")
    with pytest.raises(InvalidConfiguration) as refused:
        validate(with_defaults(given), {"models/a", "models/b"}, {})
    assert [one.field for one in refused.value.fields] == [f"router.policies[0].rule.{part}"]


def test_spans_are_told_as_people_say_them() -> None:
    given = Router(variants=[{"model": "a"}, {"model": "b"}])
    given.log.retention.FromSeconds(1)
    with pytest.raises(InvalidConfiguration, match=r"log.retention: 60 s to 400 days, got 1 s$"):
        validate(with_defaults(given), {"models/a", "models/b"})
