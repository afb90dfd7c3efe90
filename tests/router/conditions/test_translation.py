"""What conditions answer is what CEL answers: the translated ones are held to the library."""

import random
from collections import Counter

import pytest

from services.router.conditions import BadCondition, Condition, Given, RuleError, compile_condition
from tests.router.conditions.grammar import DECLARED, UNDECLARED, Grammar, answer_of_cel, view
from tests.thorough import cases

# Of each seed; each is asked of two requests.
CONDITIONS = cases(1_000, 2_000)
NOISE = "()[]{}.,?:!&|<>=+-*/% 'r\"\\\n0129exuabfin_`@é#;~^$"
REQUESTS = 2


def answer_of(condition: Condition, given: Given) -> bool | None:
    try:
        return condition.holds(given)
    except RuleError:
        return None


@pytest.mark.parametrize("seed", range(cases(2, 6)))
def test_a_condition_answers_as_cel_does_errors_included(seed: int) -> None:
    rng = random.Random(seed)
    answers: Counter[bool | None] = Counter()
    for place in range(CONDITIONS):
        free = place % 4 == 0
        text = Grammar(rng, free=free).boolean(rng.choice((1, 2, 3)))
        try:
            condition = compile_condition(text, UNDECLARED if free else DECLARED)
        except BadCondition:
            continue
        for _ in range(REQUESTS):
            given = view(rng)
            wanted = answer_of_cel(text, given)
            assert answer_of(condition, given) is wanted, (text, given)
            answers[wanted] += 1
    # All three answers are common, and most of what was drawn could be asked.
    assert min(answers[True], answers[False], answers[None]) > CONDITIONS // 4
    assert answers.total() > CONDITIONS * REQUESTS * 0.9


@pytest.mark.parametrize("seed", range(cases(1, 2)))
def test_the_quick_form_says_the_same_or_that_it_cannot_say(seed: int) -> None:
    rng = random.Random(seed)
    quick = 0
    for _ in range(CONDITIONS):
        try:
            condition = compile_condition(Grammar(rng, free=False).boolean(2), DECLARED)
        except BadCondition:
            continue
        given = view(rng)
        try:
            found = condition.quick(given)
        except RuleError:
            continue
        assert found is condition.holds(given), condition.text
        quick += 1
    assert quick > CONDITIONS // 2


def damaged(text: str, rng: random.Random) -> str:
    """The text with one to three characters added, lost or replaced."""
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(text))
        text = text[:place] + rng.choice(("", *NOISE)) + text[place + rng.randrange(2) :]
    return text


def test_a_damaged_condition_is_refused_or_still_answers_as_cel_does() -> None:
    rng, refused, asked = random.Random(11), 0, 0
    for place in range(CONDITIONS):
        text = damaged(Grammar(rng, free=place % 3 == 0).boolean(2), rng)
        try:
            condition = compile_condition(text, UNDECLARED if place % 3 == 0 else DECLARED)
        except BadCondition:
            refused += 1
            continue
        given = view(rng)
        assert answer_of(condition, given) is answer_of_cel(text, given), (text, given)
        asked += 1
    assert refused > CONDITIONS // 2
    assert asked > CONDITIONS // 20


@pytest.mark.parametrize(
    "text",
    [
        "9007199254740993 == 9007199254740992.0",
        "size('é') == 2",
        "-7 / 2 == -3 && -7 % 2 == -1",
        "0.0 == -0.0",
        "1.0 / 0.0 > 1e308",
        "true || 1 / 0 == 1",
        "1 / 0 == 1 || true",
        "!(false && 1 / 0 == 1) && !(1 / 0 == 1 && false)",
        "1 == 1 == true",
        "'Z' < 'a' && 'z' < 'é' && false < true",
        "1 in [1.0] && 1.0 in [1] && !(1 in [])",
        "-9223372036854775808 < 0 && - 5 == -5 && --5 == 5",
        "'\\u00e9' == 'é' && r'\\d' == '\\\\d' && \"a'b\" == 'a\\'b'",
        "true // and a remark\n && true",
        "timestamp('2026-01-01T00:00:00.5Z') > timestamp('2026-01-01T00:00:00Z')",
        "now - timestamp('1969-12-31T23:00:00Z') == duration('1h')",
        "{'a': 1}['a'] == 1 && [1, 2][1] == 2 && 1u == 1u && 'a' in {'a': 1}",
        "now.getDayOfWeek() == 4 && now.getFullYear() == 1970",
    ],
)
def test_peculiarities_of_cel_are_kept(text: str) -> None:
    assert compile_condition(text, DECLARED).holds(Given())


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775807 + 1 > 0",
        "-9223372036854775808 / -1 > 0",
        "-9223372036854775808 % -1 == 0",
        "1 / 0 == 1",
        "1 % 0 == 1",
        "0.0 / 0.0 < 1.0",
        "[1][3] == 1",
        "true && 1 / 0 == 1",
    ],
)
def test_what_cel_cannot_compute_is_an_error(text: str) -> None:
    try:
        condition = compile_condition(text, DECLARED)
    except BadCondition as refused:
        # Of constants alone CEL can tell when the condition is written.
        assert "can never be evaluated" in str(refused)  # noqa: PT017
        return
    with pytest.raises(RuleError):
        condition.holds(Given())
