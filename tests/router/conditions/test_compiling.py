"""What is refused when a condition is written, and that it is refused quickly."""

import tracemalloc

import pytest

from services.router.conditions import BadCondition, Condition, Kind, Schema, compile_condition
from services.router.conditions.parsing import MOST_OPEN
from services.router.conditions.patterns import LARGEST_PROGRAM, LONGEST_PATTERN
from services.router.conditions.syntax import DEEPEST
from services.router.conditions.tokens import LONGEST, MACROS, MOST_CALLS

NAMES = Schema(
    {"amount": Kind.NUMBER, "tier": Kind.TEXT, "mean radius": Kind.NUMBER, "both": Kind.FREE},
    {"image_type": Kind.TEXT, "vip": Kind.BOOL, "limit": Kind.NUMBER},
    {"x-tier"},
)


def compiled(text: str) -> Condition:
    return compile_condition(text, NAMES)


def refusal(text: str) -> str:
    with pytest.raises(BadCondition) as caught:
        compiled(text)
    assert len(str(caught.value)) < 1000
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("amount >", "ends too early"),
        ("amount > 1 2", "unexpected '2' at character 12"),
        ("amount > 1)", "unexpected ')'"),
        ("(amount > 1", "ends too early"),
        ("amount > @1", "cannot be read at character 10"),
        ("amount > 'a", "cannot be read at character 10"),
        ("tier == '''x'''", "quotes next to each other"),
        ("tier == 'a''b'", "quotes next to each other"),
        ("tier == b'x'", "unexpected"),
        ("amount = 1", "cannot be read"),
        ("true ? 1", "ends too early"),
        ("loop == 'a'", "is no CEL"),
        ("in == 'a'", "unexpected 'in'"),
        ("tier == '\\q'", "is no CEL"),
        ("amount > 9223372036854775808", "is no CEL"),
        ("a.b{c: 1}", "unexpected '{'"),
        (".amount > 1.0", "unexpected '.'"),
        ("m[?'x'] == 1", "unexpected '?'"),
    ],
)
def test_malformed_conditions_are_refused_with_the_place(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nobody == 'a'", "does not know 'nobody'; features and declared attributes are: amount, both"),
        ("features['nobody'] > 1", "does not know the feature 'nobody'; known are: amount"),
        ("headers['authorization'] == 'a'", "router.allowed_headers has: x-tier"),
        ("input.data == 'a'", "there are input.kind and input.text"),
        ("features[tier] > 1.0", "features[...] needs a name in quotes"),
        ("size(features) > 1", "features needs a member"),
        ("metrics('a').beauty > 1", "does not know the measure 'beauty'; there are: accuracy"),
        ("metrics('a') > 1", "needs a measure"),
        ("metrics(tier).accuracy > 1", "needs the name of a model in quotes"),
        ("drift('a') == 'alarm'", "'alarm', which never is; there are: alert"),
        ("input.kind == 'picture'", "'picture', which never is"),
        ("input.kind in ['picture']", "'picture', which never is"),
        ("has(input.kind)", "has() asks for"),
        ("shout(tier) == 'A'", "does not know shout(); there are: contains"),
        ("tier.shout() == 'A'", "does not know .shout()"),
        ("type(tier) == 'A'", "does not know type()"),
    ],
)
def test_an_unknown_name_is_refused_with_what_is_known(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("amount == 'a'", "compares a number with text"),
        ("amount != 'a'", "compares a number with text"),
        ("tier > 1", "compares text with a whole number"),
        ("vip == 1", "compares true or false with a whole number"),
        ("limit == 'a'", "compares a number with text"),
        ("attributes['anything'] == 1", "compares text with a whole number"),
        ("tier in [1, 2]", "looks for text in a list that holds a whole number"),
        ("amount in ['a']", "looks for a number in a list that holds text"),
        ("amount in tier", "has `in` before text"),
        ("amount * 2 > 3.0", "write 2.0 for 2, or double(x)"),
        ("amount % 2.0 > 1.0", "has % between a number and a number"),
        ("tier + 1 == 'a'", "has + between text and a whole number"),
        ("-tier == 'a'", "has - before text"),
        ("!amount", "! needs true or false"),
        ("amount && vip", "&& needs true or false, and gets a number"),
        ("amount ? vip : vip", "? needs true or false"),
        ("amount", "is a number; a condition must be true or false"),
        ("both", "is a number or text; a condition must be"),
        ("amount.contains('a')", "needs text, and gets a number"),
        ("tier.contains(1)", "needs text, and gets a whole number"),
        ("tier.contains('a', 'b')", "with 2 arguments; it takes 1"),
        ("tier.size", "takes a part of text"),
        ("now > 5", "compares a time with a whole number"),
        ("now.getHours(1) > 5", "with 1 arguments; it takes 0"),
        ("amount == null", "compares a number with null"),
        ("[1] < [2]", "no order"),
        ("string(vip) == 'a'", "can never be evaluated"),
        ("timestamp('noon') < now", "cannot be evaluated"),
        ("duration('noon') < duration('1h')", "can never be evaluated"),
    ],
)
def test_kinds_that_never_fit_are_refused(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize("macro", sorted(MACROS))
def test_comprehensions_are_refused_by_name(macro: str) -> None:
    assert "comprehensions are not allowed" in refusal(f"[1, 2].{macro}(x, x > 0)")
    assert "comprehensions are not allowed" in refusal(f"[1, 2] . {macro} // sly\n (x, x > 0)")


def test_a_macros_name_within_a_text_or_as_a_feature_is_harmless() -> None:
    compiled("tier == 'a.all(x, x)' && tier != \"map(\"")
    compile_condition("filter > 1.0", Schema({"filter": Kind.NUMBER}))


def test_both_sides_of_the_length() -> None:
    compiled("tier == '" + "a" * (LONGEST - 10) + "'")
    assert f"has {LONGEST + 1} bytes; at most {LONGEST}" in refusal("tier == '" + "a" * (LONGEST - 9) + "'")
    # In bytes, not characters.
    assert "at most" in refusal("tier == '" + "é" * (LONGEST // 2) + "'")


def test_a_megabyte_is_refused_without_being_read() -> None:
    text = "(" * (1 << 20)
    tracemalloc.start()
    assert "has 1048576 bytes" in refusal(text)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100_000


def test_both_sides_of_the_brackets_and_of_the_depth() -> None:
    for opening, closing in ("()", "[]"):
        core = "true" if opening == "(" else "1"
        fits = opening * (MOST_OPEN - 1) + core + closing * (MOST_OPEN - 1)
        compiled(fits if opening == "(" else f"size({fits[1:-1]}) == 1")
        assert "brackets within each other" in refusal(opening * MOST_OPEN + core + closing * MOST_OPEN)
    compiled(" + ".join(["amount"] * (DEEPEST - 1)) + " > 1.0")
    assert f"more than {DEEPEST} levels deep" in refusal(" + ".join(["amount"] * DEEPEST) + " > 1.0")
    assert f"more than {DEEPEST} levels deep" in refusal("!" * 900 + "vip")
    assert "brackets" in refusal("vip ? vip : " * 60 + "vip")


def test_both_sides_of_the_number_of_calls() -> None:
    compiled(" && ".join(["size(tier) > 1"] * MOST_CALLS))
    assert f"at most {MOST_CALLS}" in refusal(" && ".join(["size(tier) > 1"] * (MOST_CALLS + 1)))


def test_both_sides_of_a_regular_expressions_length() -> None:
    assert compiled("tier.matches('" + "a" * LONGEST_PATTERN + "')").regex_size > LONGEST_PATTERN
    assert f"at most {LONGEST_PATTERN}" in refusal("tier.matches('" + "a" * (LONGEST_PATTERN + 1) + "')")


def test_both_sides_of_a_regular_expressions_size() -> None:
    """Any character is eight instructions: one for each shape that its bytes may have."""
    assert compiled("tier.matches('.{312}')").regex_size == LARGEST_PROGRAM
    assert f"of 2508 instructions; at most {LARGEST_PROGRAM}" in refusal("tier.matches('.{313}')")


@pytest.mark.parametrize("pattern", ["(a", "(?=a)", "(a)\\\\1", "a{2000}", "(\\\\pL{100}){10}"])
def test_a_regular_expression_that_is_malformed_or_too_large_is_refused(pattern: str) -> None:
    assert "RE2 does not take" in refusal(f"tier.matches('{pattern}')")


def test_a_regular_expression_must_be_known_when_the_condition_is_written() -> None:
    assert "in quotes" in refusal("tier.matches(attributes['x'])")


def test_a_condition_tells_what_it_reads() -> None:
    condition = compiled("amount > 1 && attributes['x'] == 'a' && headers['x-tier'] == input.kind || vip")
    assert condition.names == {
        "features.amount",
        "attributes.x",
        "headers.x-tier",
        "input.kind",
        "attributes.vip",
    }
    assert condition.of_request
    assert compiled("now.getHours() > 8 && entity_id != ''").names == {"now", "entity_id"}


def test_a_condition_on_metrics_and_drift_alone_is_none_of_a_request() -> None:
    condition = compiled("metrics('a').accuracy < 0.9 && drift('models/churn@champion') == 'alert'")
    assert not condition.of_request
    assert condition.models() == {"models/a", "models/churn@champion"}
    assert compiled("metrics('a').accuracy < limit").of_request
    assert not compiled("true").of_request
