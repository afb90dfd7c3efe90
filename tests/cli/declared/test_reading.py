"""YAML as people mean it, with the place of everything."""

import pytest

from services.cli.declared.reading import ProblemsError, documents


def read(text: str) -> object:
    (document,) = documents(text, "f.yaml")
    return document.value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("on", "on"),
        ("010", "010"),
        ("1:30", "1:30"),
        ("2026-11-22", "2026-11-22"),
        ("true", True),
        ("1e-3", 0.001),
        ("-12", -12),
        ("'12'", "12"),
        ("0.5", 0.5),
        ("~", None),
    ],
)
def test_words_are_words_and_numbers_are_numbers(written: str, meant: object) -> None:
    assert read(f"a: {written}") == {"a": meant}


def test_every_value_knows_its_place() -> None:
    (document,) = documents("models:\n  - name: a\n    endpoints:\n      - address: x\n", "f.yaml")
    assert str(document.place(("models", 0, "endpoints", 0, "address"))) == "f.yaml:4:9"
    assert str(document.place(("models", 0, "name"))) == "f.yaml:2:5"
    # What is not there is told where it would be.
    assert str(document.place(("models", 0, "timeout"))) == "f.yaml:2:5"


def test_several_documents_and_empty_ones() -> None:
    assert [one.value for one in documents("a: 1\n---\n---\nb: 2\n", "f")] == [{"a": 1}, {"b": 2}]


def test_what_is_shared_is_written_once() -> None:
    text = "base: &base {timeout: 1s, family: x}\nother:\n  <<: *base\n  timeout: 2s\n"
    assert read(text)["other"] == {"timeout": "2s", "family": "x"}  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: a: is given twice, first in line 1"),
        ("a: [1, 2\nb: 3\n", "f.yaml:2:2: expected ',' or ']', but got ':'"),
        ("a: !!python/object:os.system x\n", "could not determine a constructor"),
        ("a: &a [*a]\n", "too deep"),
        ("a: " + "[" * 3_000, "f.yaml:1:65: more than 100,000 values, or too deep"),
        ("a:\n\tb: 1\n", "f.yaml:2:1: a tab: indent with spaces"),
        ("\x00", "this is no YAML"),
    ],
)
def test_what_is_no_document_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ProblemsError) as wrong:
        list(documents(text, "f.yaml"))
    assert said in str(wrong.value)


def test_a_few_lines_that_stand_for_billions_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ProblemsError, match="100,000 values"):
        list(documents("\n".join(lines), "f.yaml"))
