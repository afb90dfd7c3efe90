"""Rules in operator form."""

from collections.abc import Sequence

import pytest

from services.router.conditions import (
    OPERATORS,
    BadCondition,
    Columns,
    Given,
    Kind,
    RuleError,
    Schema,
    compile_rule,
)
from services.router.conditions.operators import LONGEST_VALUE, MOST_VALUES, Value

NAMES = Schema(
    {"amount": Kind.NUMBER, "mean radius": Kind.NUMBER, "tier": Kind.TEXT, "attributes.odd": Kind.NUMBER},
    {"vip": Kind.BOOL, "region": Kind.TEXT},
    {"x-tier"},
)
GIVEN = Given(
    kind="tabular",
    numeric=Columns({"amount": 1200.5, "mean radius": 3.0, "attributes.odd": 1.0}),
    categorical=Columns({"tier": "gold"}),
    attributes=Columns({"vip": True, "region": "eu-west", "x": "y"}),
    headers=Columns({"x-tier": "silver"}),
    entity_id="user-7",
)
Wanted = Value | Sequence[Value]


@pytest.mark.parametrize(
    ("field", "operator", "yes", "no"),
    [
        ("amount", "equals", 1200.5, 1200),
        ("amount", "not_equals", 1.0, 1200.5),
        ("tier", "in", ["gold", "silver"], ["silver"]),
        ("amount", "in", [1200.5], [1.0, 2.0]),
        ("tier", "not_in", ["silver"], ["gold", "silver"]),
        ("mean radius", "greater_than", 2.9, 3.0),
        ("amount", "less_than", 1201, 1200.5),
        ("tier", "contains", "ol", "silver"),
        ("tier", "regex", "^g.*d$", "^d"),
        ("vip", "equals", True, False),
        ("attributes.x", "equals", "y", "z"),
        ("features.tier", "equals", "gold", "silver"),
        ("headers.x-tier", "equals", "silver", "gold"),
        ("entity_id", "regex", "^user-[0-9]+$", "^[0-9]+$"),
        ("input.kind", "equals", "tabular", "row"),
        ("region", "contains", "eu", "us"),
        ("attributes.odd", "equals", 1.0, 2.0),
    ],
)
def test_each_operator_says_yes_and_no(field: str, operator: str, yes: Wanted, no: Wanted) -> None:
    assert compile_rule(field, operator, yes, NAMES).holds(GIVEN) is True
    assert compile_rule(field, operator, no, NAMES).holds(GIVEN) is False


def test_the_operators_are_those_of_the_contract() -> None:
    assert set(OPERATORS) == {
        "equals",
        "not_equals",
        "in",
        "not_in",
        "greater_than",
        "less_than",
        "contains",
        "regex",
    }


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_an_absent_field_is_an_error_whatever_the_operator(operator: str) -> None:
    value: Wanted = ["a"] if operator in ("in", "not_in") else 1.0 if "than" in operator else "a"
    field = "amount" if "than" in operator else "tier"
    with pytest.raises(RuleError, match="is absent"):
        compile_rule(field, operator, value, NAMES).holds(Given())


@pytest.mark.parametrize(
    ("field", "operator", "value", "said"),
    [
        ("", "equals", "a", "needs a field"),
        ("now", "equals", "a", "needs a field"),
        ("nobody", "equals", "a", "does not know 'nobody'"),
        ("features.nobody", "equals", "a", "does not know the feature"),
        ("headers.cookie", "equals", "a", "router.allowed_headers has: x-tier"),
        ("input.size", "equals", "a", "there are input.kind and input.text"),
        ("input.kind", "equals", "picture", "there are: chat"),
        ("tier", "like", "a", "there are: equals"),
        ("amount", "equals", "a", "compares a number with text"),
        ("tier", "equals", 1.0, "compares text with a number"),
        ("tier", "equals", True, "compares text with true or false"),
        ("tier", "equals", ["a"], "only in and not_in take one"),
        ("tier", "in", "gold", "needs a list"),
        ("tier", "in", [], "needs a list of values, at least one"),
        ("tier", "in", ["a", 1.0], "compares text with a number"),
        ("tier", "greater_than", "a", "needs a number"),
        ("vip", "less_than", True, "needs a number"),
        ("amount", "contains", "a", "needs a field that is text"),
        ("tier", "contains", 1.0, "needs a text that is not empty, not 1.0"),
        ("nobody", "equals", "a", "Another attribute is written attributes.nobody"),
        ("attributes['tier']", "equals", "a", "without brackets: attributes.tier, not attributes['tier']"),
        ('headers["x-tier"]', "equals", "a", "without brackets: headers.x-tier"),
        ("tier", "regex", "(a", "RE2 does not take"),
        ("tier", "regex", "", "a text that is not empty"),
    ],
)
def test_what_does_not_fit_is_refused(field: str, operator: str, value: Wanted, said: str) -> None:
    with pytest.raises(BadCondition) as caught:
        compile_rule(field, operator, value, NAMES)
    assert said in str(caught.value)


def test_both_sides_of_each_limit() -> None:
    many: list[Value] = [f"v{place}" for place in range(MOST_VALUES)]
    assert not compile_rule("tier", "in", many, NAMES).holds(GIVEN)
    with pytest.raises(BadCondition, match=f"at most {MOST_VALUES}"):
        compile_rule("tier", "in", [*many, "one more"], NAMES)
    long = "a" * LONGEST_VALUE
    for operator in ("equals", "contains", "regex"):
        assert not compile_rule("tier", operator, long, NAMES).holds(GIVEN)
        with pytest.raises(BadCondition, match=f"at most {LONGEST_VALUE}"):
            compile_rule("tier", operator, long + "a", NAMES)


@pytest.mark.parametrize(("operator", "value"), [("greater_than", 1.0), ("contains", "a"), ("regex", "a")])
def test_an_undeclared_name_of_the_wrong_kind_is_an_error(operator: str, value: Wanted) -> None:
    given = Given(attributes=Columns(x="12")) if operator == "greater_than" else Given(numeric=Columns(x=1.0))
    with pytest.raises(RuleError, match="declare the attribute's type"):
        compile_rule("x", operator, value, Schema()).holds(given)


def test_a_catastrophic_expression_is_linear() -> None:
    rule = compile_rule("tier", "regex", "(a+)+$", NAMES)
    assert not rule.holds(Given(categorical=Columns(tier="a" * 4000 + "!")))
    assert 0 < rule.regex_size < 20
