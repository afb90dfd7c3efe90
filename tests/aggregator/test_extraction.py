"""What of a text is the answer, and what is none."""

import doctest
import sys

import numpy as np
import pytest

from services.aggregator import extraction
from services.aggregator.answers import Classes, Numbers, Structure, Text
from services.aggregator.combiners import TAKES
from services.aggregator.errors import Unreadable
from services.aggregator.extraction import (
    LONGEST_TEXT,
    MOST_LABELS,
    BadExtraction,
    Extraction,
    by_labels,
    by_pointer,
    by_regex,
    typed,
)
from services.aggregator.pointers import compiled, resolve

LABEL = ("labels",)
DOCUMENT = '{"a": [1, {"b/c": "x", "~": 2}], "": 3, "list": []}'


def label(rule: Extraction, text: str) -> str:
    answer = rule.read(text)
    assert isinstance(answer, Classes)
    return answer.names[0]


def refusal(rule: Extraction, text: str) -> str:
    with pytest.raises(Unreadable) as refused:
        rule.read(text)
    assert refused.value.path == "text.content"
    return refused.value.said


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"(?i)answer: *(\w+)", "Well. ANSWER: yes", "yes"),
        (r"[A-D]", "It is B.", "B"),
        (r"<a>(.*)</a>", "<a> Köln, ß </a>", "Köln, ß"),
        (r"é (\w+)", "ééé é zwei", "zwei"),
        (r"(a)|(b)", "a then b", "a"),
        (r"(?s).*ANSWER: (\w+)", "ANSWER: no, wait. ANSWER: yes", "yes"),
    ],
)
def test_a_regex_gives_its_first_group_or_the_whole_match(pattern: str, text: str, found: str) -> None:
    assert label(by_regex(pattern, LABEL), text) == found


def test_a_text_without_a_match_is_no_answer() -> None:
    assert refusal(by_regex(r"A: (\d+)", LABEL), "A: none") == "no match for 'A: (\\\\d+)' in 'A: none'"
    assert "no match" in refusal(by_regex(r"A:(.*)", LABEL), "A:   ")
    assert "no match" in refusal(by_regex(r"a|(b)", LABEL), "a")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "1 to 256 characters expected, got 0"),
        ("x" * 257, "got 257"),
        ("(a", "that RE2 takes expected"),
        (r"(a)\1", "that RE2 takes expected"),
        ("(?:x{100}){9}", "at most 500 instructions expected"),
    ],
)
def test_an_expression_that_cannot_be_used_is_refused_when_it_is_written(pattern: str, said: str) -> None:
    with pytest.raises(BadExtraction, match=said):
        by_regex(pattern, LABEL)


def test_a_text_that_is_too_long_to_search_is_no_answer() -> None:
    rule = by_regex("(a+)+$", LABEL)
    assert label(rule, "a" * LONGEST_TEXT).startswith("aaa")
    assert f"at most {LONGEST_TEXT} characters" in refusal(rule, "a" * (LONGEST_TEXT + 1))


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("/a/0", 1), ("/a/1/b~1c", "x"), ("/a/1/~0", 2), ("/", 3), ("/list", []),
     ("", {"a": [1, {"b/c": "x", "~": 2}], "": 3, "list": []})],
)  # fmt: skip
def test_pointers_lead_where_rfc_6901_says(pointer: str, value: object) -> None:
    answer = by_pointer(pointer, ("json",)).read(DOCUMENT)
    assert isinstance(answer, Structure)
    assert answer.value == value


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("", 1), ("/foo", 2), ("/foo/0", 3), ("/", 4), ("/a~1b", 5), ("/c%d", 6), ("/ ", 7), ("/m~0n", 8)],
)
def test_the_examples_of_rfc_6901_are_true(pointer: str, value: int) -> None:
    document = {"foo": ["bar"], "": 0, "a/b": 1, "c%d": 2, " ": 7, "m~n": 8}
    expected = {1: document, 2: ["bar"], 3: "bar", 4: 0, 5: 1, 6: 2, 7: 7, 8: 8}
    assert resolve(document, compiled(pointer)) == expected[value]  # type: ignore[arg-type]


@pytest.mark.parametrize("pointer", ["/b", "/a/2", "/a/01", "/a/-", "/a/-1", "/a/0/x", "/a/1/b/c"])
def test_a_pointer_to_nothing_finds_no_answer(pointer: str) -> None:
    assert refusal(by_pointer(pointer, LABEL), DOCUMENT).startswith("nothing at /")


@pytest.mark.parametrize("method", ["vote", "median", "semantic_mean"])
def test_null_is_no_answer_where_it_is_no_json(method: str) -> None:
    null = '{"x": null}'
    assert refusal(by_pointer("/x", TAKES[method]), null) == "an answer expected, got null"
    found = by_pointer("/x", TAKES["json_majority"]).read(null)
    assert isinstance(found, Structure)
    assert found.value is None


@pytest.mark.parametrize("pointer", ["a", "/~2", "/~"])
def test_what_is_no_pointer_is_refused_when_it_is_written(pointer: str) -> None:
    with pytest.raises(BadExtraction, match="JSON pointer"):
        by_pointer(pointer, LABEL)


def test_json_may_stand_in_a_fence_and_nothing_else_may() -> None:
    rule = by_pointer("/x", LABEL)
    assert label(rule, '```json\n{"x": "y"}\n```\n') == "y"
    assert label(rule, '```\n{"x": "y"}```') == "y"
    assert label(rule, ' \n```JSON  \n\n{"x":\n"y"}\n\n ```') == "y"
    for other in (
        'Sure! {"x": "y"}', "", '```{"x": "y"}```', '```json {"x": "y"}\n```', '```js on\n{"x": "y"}\n```',
        '```json\n{"x": "y"}', "```", "``````", "```json\n```",
    ):  # fmt: skip
        assert refusal(rule, other).startswith("JSON expected")


@pytest.mark.parametrize(
    ("text", "found"),
    [("Spam", "spam"), ("It is NOT\n spam.", "not spam"), ("**spam**, yes: spam", "spam"),
     ("C++ it is", "C++"), ("Straße!", "STRASSE"), ("cafe\u0301", "caf\u00e9")],
)  # fmt: skip
def test_the_only_label_named_is_the_answer(text: str, found: str) -> None:
    labels = ("spam", "not spam", "C++", "C", "STRASSE", "caf\u00e9")
    answer = by_labels(labels).read(text)
    assert isinstance(answer, Classes)
    assert answer.labels == labels
    assert answer.names == [found]


def test_none_or_several_labels_are_no_answer() -> None:
    rule = by_labels(("yes", "no"))
    assert refusal(rule, "Perhaps") == "one of the labels expected, got none of them in 'Perhaps'"
    assert refusal(rule, "No. Yes!") == "one of the labels expected, got 'no' and 'yes' in 'No. Yes!'"
    assert "none of them" in refusal(rule, "yesterday's nobody")
    assert len(refusal(rule, "x" * 500)) < 130


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a"], f"2 to {MOST_LABELS} labels expected, got 1"),
        (["a", " "], "told apart expected, got ' '"),
        (["Yes", "yes"], "got 'yes', and it reads as 'Yes' does"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(labels: list[str], said: str) -> None:
    with pytest.raises(BadExtraction, match=said):
        by_labels(labels)


def test_a_thousand_labels_are_found_as_one_is() -> None:
    labels = tuple(f"label {place}" for place in range(MOST_LABELS))
    assert label(by_labels(labels), f"so {labels[-1]} it is") == labels[-1]


def test_what_was_found_has_the_kind_that_the_method_takes() -> None:
    number = typed("4.50", TAKES["median"])
    assert isinstance(number, Numbers)
    assert number.values.tolist() == [4.5]
    assert isinstance(typed("4.50", TAKES["vote"]), Classes)
    assert isinstance(typed(True, TAKES["vote"]), Classes)
    assert isinstance(typed("Paris", TAKES["semantic_mean"]), Text)
    assert isinstance(typed({"a": 1}, TAKES["vote"]), Structure)
    structure = by_regex(r"\{.*\}", TAKES["json_majority"]).read('So: {"a": 1}.')
    assert isinstance(structure, Structure)
    assert structure.value == {"a": 1}
    for bad, kinds in (("no json", TAKES["json_majority"]), ("n/a", ("numbers",)), ("  ", LABEL)):
        with pytest.raises(Unreadable):
            typed(bad, kinds, written=True)


def test_the_examples_are_true() -> None:
    module = sys.modules[extraction.__name__]
    result = doctest.testmod(module, extraglobs={"np": np})
    assert result.attempted > 3
    assert result.failed == 0
