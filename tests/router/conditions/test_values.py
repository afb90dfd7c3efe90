"""What an expression with a value is worth is what CEL says, as text."""

import math
import random
from collections import Counter

import pytest

from services.router.conditions import BadCondition, Columns, Given, Kind, RuleError, Schema, compile_value
from services.router.conditions.values import told
from tests.router.conditions.grammar import DECLARED, UNDECLARED, Grammar, value_of_cel, view
from tests.thorough import cases

EXPRESSIONS = cases(1_000, 2_000)
NAMES = Schema({"amount": Kind.NUMBER, "tier": Kind.TEXT}, {"vip": Kind.BOOL}, frozenset({"x-region"}))


def text_of_cel(text: str, given: Given) -> str | None:
    """The library's value as text; None for an error, and for what is no value."""
    found = value_of_cel(text, given)
    if isinstance(found, bool):
        return str(found).lower()
    if not isinstance(found, float):
        return str(found) if isinstance(found, (str, int)) else None
    if not math.isfinite(found):
        return None
    return str(math.trunc(found)) if found == math.trunc(found) and abs(found) < 2**53 else str(found)


@pytest.mark.parametrize("seed", range(cases(2, 4)))
def test_a_value_is_what_cel_says_errors_included(seed: int) -> None:
    rng, told_of = random.Random(seed), Counter[bool]()
    for place in range(EXPRESSIONS):
        free = place % 4 == 0
        text = Grammar(rng, free=free).value(rng.choice((0, 1, 2)))
        try:
            valued = compile_value(text, UNDECLARED if free else DECLARED)
        except BadCondition:
            continue
        given = view(rng)
        wanted = text_of_cel(text, given)
        try:
            found = valued.value(given)
        except RuleError:
            found = None
        assert found == wanted, (text, given)
        told_of[found is not None] += 1
    assert told_of[True] > EXPRESSIONS // 3
    assert told_of[False] > EXPRESSIONS // 20


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("tier", "gold"),
        ("amount", "1200"),
        ("amount + 0.5", "1200.5"),
        ("amount > 1000", "true"),
        ("size(tier)", "4"),
        ("amount > 1000 ? 'large' : 'small'", "large"),
        ("{'gold': 'paying', 'free': 'not'}[tier]", "paying"),
        ("string(size(tier)) + '/' + tier", "4/gold"),
        ("headers['x-region']", "eu"),
        ("lower(tier + 'EN')", "golden"),
        ("-size(tier)", "-4"),
        ("1u", "1"),
    ],
)
def test_text_numbers_and_truth_have_a_text(text: str, value: str) -> None:
    given = Given(
        numeric=Columns(amount=1200.0), categorical=Columns(tier="gold"), headers=Columns({"x-region": "eu"})
    )
    assert compile_value(text, NAMES).value(given) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("now", "is a time; it must be text, a number, true or false"),
        ("[tier]", "is a list"),
        ("{'a': tier}", "is a map"),
        ("null", "is null"),
        ("now - now", "is a duration"),
        ("nobody", "does not know 'nobody'"),
        ("metrics('a').accuracy", "say nothing of a request"),
        ("drift('a')", "say nothing of a request"),
        ("tier +", "ends too early"),
        ("x" * 1025, "at most 1024 are allowed"),
        ("1 / 0", "can never be evaluated"),
    ],
)
def test_what_has_no_text_is_refused_when_it_is_written(text: str, why: str) -> None:
    try:
        valued = compile_value(text, NAMES)
    except BadCondition as refused:
        assert why in str(refused)  # noqa: PT017
        return
    # Whole numbers are computed here: a division by zero is seen when it is asked.
    assert text == "1 / 0"
    with pytest.raises(RuleError):
        valued.value(Given())


@pytest.mark.parametrize(("text", "length"), [("'" + "x" * 1022 + "'", 1022), ("1 == 1 ? 'a' : 'b'", 1)])
def test_the_longest_expression_is_taken(text: str, length: int) -> None:
    assert len(compile_value(text, NAMES).value(Given())) == length


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_value(number: float) -> None:
    with pytest.raises(RuleError, match="no value"):
        told(number)


def test_an_absent_name_is_an_error_unless_nothing_needs_it() -> None:
    with pytest.raises(RuleError):
        compile_value("tier", NAMES).value(Given())
    assert compile_value("tier == 'gold' || 1 == 1", NAMES).value(Given()) == "true"
