"""Tables that arrive in pieces: whatever the pieces, the rows are the same."""

import json
import random
from collections.abc import Sequence

import pytest

from services.drift.tables import READERS, BrokenTable, Misread, Row, guess
from services.drift.tables import rows as limits

CSV = 'id,label,note\n1,yes,"a ""quoted"" word"\r\n2,,"two\nlines, one cell"\n\n3,nö,\n'
NDJSON = '{"id": "1", "label": "yes"}\n\n{"id": "2", "n": 0.5}\r\n{"id": "nö"}'
ARRAY = '\n[ {"id": "1", "deep": {"a": [1, "]}"]}},\n {"id": "nö"}\n,\n{"id": "3"} ]\n'
ROWS: dict[str, tuple[str, list[Row]]] = {
    "csv": (
        CSV,
        [
            Row(2, {"id": "1", "label": "yes", "note": 'a "quoted" word'}),
            Row(3, {"id": "2", "label": None, "note": "two\nlines, one cell"}),
            Row(6, {"id": "3", "label": "nö", "note": None}),
        ],
    ),
    "ndjson": (
        NDJSON,
        [Row(1, {"id": "1", "label": "yes"}), Row(3, {"id": "2", "n": 0.5}), Row(4, {"id": "nö"})],
    ),
    "json": (
        ARRAY,
        [Row(2, {"id": "1", "deep": {"a": [1, "]}"]}}), Row(3, {"id": "nö"}), Row(5, {"id": "3"})],
    ),
}
each = pytest.mark.parametrize("name", READERS)


def read(name: str, *pieces: bytes) -> list[Row | Misread]:
    reader = READERS[name]()
    found: list[Row | Misread] = []
    for piece in pieces:
        found += reader.feed(piece)
    return [*found, *reader.end()]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


@each
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
def test_rows_are_the_same_however_the_bytes_are_cut(name: str, mark: bytes) -> None:
    text, rows = ROWS[name]
    data = mark + text.encode()
    assert read(name, data) == rows
    assert read(name, *(data[at : at + 1] for at in range(len(data)))) == rows
    rng = random.Random(4)
    for _ in range(200):
        places = sorted(rng.choices(range(len(data)), k=rng.randint(0, 6)))
        assert read(name, *cut(data, places)) == rows


@each
def test_a_million_values_take_no_more_room_than_a_row(name: str) -> None:
    reader, rows, rest = READERS[name](), 0, 0
    begin = {"csv": "id,label\n", "json": "[", "ndjson": ""}[name]
    reader.feed(begin.encode())
    for index in range(20_000):
        value = {"id": str(index), "label": "yes"}
        text = f"{index},yes\n" if name == "csv" else json.dumps(value) + ("," if name == "json" else "\n")
        rows += len(reader.feed(text.encode()))
        rest = max(rest, len(vars(reader)["_rest"]))
    assert rows >= 20_000 - 1
    assert rest < 200


@each
def test_bytes_that_are_no_text_are_told_with_their_line(name: str) -> None:
    text, _ = ROWS[name]
    with pytest.raises(BrokenTable, match=r"UTF-8, and byte 0xf6 is not"):
        read(name, text.encode("latin-1"))
    with pytest.raises(BrokenTable, match="looks like UTF-16"):
        read(name, text.encode("utf-16"))


@each
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "windows-1252"])
def test_a_table_may_be_of_another_encoding(name: str, encoding: str) -> None:
    text, rows = ROWS[name]
    reader = READERS[name](encoding=encoding)
    found: list[Row | Misread] = []
    data = text.encode("cp1252" if encoding == "windows-1252" else encoding)
    for at in range(0, len(data), 3):
        found += reader.feed(data[at : at + 3])
    assert [*found, *reader.end()] == rows


@each
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_reader_that_was_cut_off_goes_on_where_its_mark_is(name: str, encoding: str) -> None:
    text, rows = ROWS[name]
    data = text.encode(encoding)
    named = {"encoding": encoding.removesuffix("-sig")}
    for at in range(len(data) + 1):
        first = READERS[name](**named)
        found = list(first.feed(data[:at]))
        mark = first.mark()
        second = READERS[name](**named, after=mark if at else None)
        found += second.feed(data[at - mark.held :])
        assert [*found, *second.end()] == rows, at


@each
def test_what_came_before_a_fault_is_given(name: str) -> None:
    text = {"csv": "a\n1\n", "json": '[{"a": "1"}, ', "ndjson": '{"a": "1"}\n'}[name]
    fault = {"csv": '"' + 200_000 * "x" + "\n", "json": "oops" + 20 * "x", "ndjson": '"' + 2_000_000 * "x"}[
        name
    ]
    reader = READERS[name]()
    (row,) = reader.feed((text + fault).encode())
    assert isinstance(row, Row)
    assert row.values == {"a": "1"}
    with pytest.raises(BrokenTable):
        reader.feed(b"")


def test_a_long_quote_over_many_lines_is_read_once() -> None:
    """Whatever the pieces, work grows with the file: each try is twice as far as the one before."""
    reader, tried = READERS["csv"](), 0
    reader.feed(b'a\n"')
    for _ in range(1000):
        before = len(vars(reader)["_rest"])
        reader.feed(b"x\n" * 50)
        tried += before == 0 or vars(reader)["_wait"] == 2 * len(vars(reader)["_rest"])
    assert tried < 20
    assert reader.feed(b'"\n' * 60_000) or len(reader.end()) == 1


@each
def test_a_row_without_end_is_refused_at_the_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("rows", "csv_rows", "json_rows", "ndjson_rows"):
        monkeypatch.setattr(f"services.drift.tables.{module}.LONGEST_ROW", 50)
    opening = {"csv": 'a\n"', "json": '[{"a": "', "ndjson": '{"a": "'}[name]
    reader = READERS[name]()
    reader.feed(opening.encode())
    room = 50 - len(opening.removeprefix("a\n").removeprefix("["))
    assert list(reader.feed(b"x" * room)) == []
    with pytest.raises(BrokenTable, match="longer than"):
        reader.feed(b"x" * 60)


CSV_FAULTS = {
    "too few cells": ("a,b\n1\n2,3\n", Misread(2, "has 1 cells where the header has 2")),
    "too many cells": ("a,b\n1,2,3\n2,3\n", Misread(2, "has 3 cells where the header has 2")),
}


@pytest.mark.parametrize(("text", "fault"), CSV_FAULTS.values(), ids=CSV_FAULTS)
def test_a_bad_row_of_csv_costs_itself_alone(text: str, fault: Misread) -> None:
    assert read("csv", text.encode()) == [fault, Row(3, {"a": "2", "b": "3"})]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{oops}", "is no JSON"),
        ("[1]", "must be an object"),
        ("3", "must be an object"),
        ("[" * 9999, "no JSON"),
    ],
)
def test_a_bad_line_of_ndjson_costs_itself_alone(line: str, why: str) -> None:
    bad, good = read("ndjson", f'{line}\n{{"a": 1}}\n'.encode())
    assert isinstance(bad, Misread)
    assert bad.line == 1
    assert why in bad.why
    assert good == Row(2, {"a": 1})


def test_an_item_that_is_no_object_costs_itself_alone() -> None:
    found = read("json", b'[1,\n{"a": 1}, "x", null, [2]]')
    assert [type(one) for one in found] == [Misread, Row, Misread, Misread, Misread]
    assert found[0] == Misread(1, "must be an object, got 1")


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "cut off"),
        ("[", 1, "cut off"),
        ('[{"a": 1}', 1, "cut off"),
        ('[{"a": 1},\n{"a"', 2, "cut off"),
        ('{"a": 1}', 1, r"\[ expected"),
        ('[{"a": 1}\n{"a": 2}]', 2, "expected, got '{'"),
        ('[{"a": 1}] x', 1, "follows the end"),
        ('[{"a": 1},\nx]', 2, "a value expected"),
        ('[{"a": 1},\n{"a":\n oops, "b": 3}, {"c": 4}]', 3, "is no JSON: Expecting value, at 'oops"),
        ("[" + '{"a":' * 9999, 1, "nested too deeply"),
    ],
)
def test_a_broken_array_says_where(text: str, line: int, why: str) -> None:
    with pytest.raises(BrokenTable, match=why) as broken:
        read("json", text.encode())
    assert broken.value.line == line


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "header"),
        ("a,,b\n", 1, "column 2 of the header has no name"),
        ("a,a\n", 1, "'a' twice"),
        ('a\n1\n"open\n2\n', 3, "never closed"),
    ],
)
def test_a_broken_csv_says_where(text: str, line: int, why: str) -> None:
    with pytest.raises(BrokenTable, match=why) as broken:
        read("csv", text.encode())
    assert broken.value.line == line


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators(separator: str) -> None:
    assert read("csv", f"a{separator}b\n1{separator}2".encode()) == [Row(2, {"a": "1", "b": "2"})]


def test_old_line_ends() -> None:
    assert read("csv", b"a,b\r1,2\r3,4") == [Row(2, {"a": "1", "b": "2"}), Row(3, {"a": "3", "b": "4"})]


def test_formats_are_guessed_by_their_start() -> None:
    assert [guess(ROWS[name][0].encode()) for name in ("csv", "json", "ndjson")] == ["csv", "json", "ndjson"]
    assert guess(b"\xef\xbb\xbf [") == "json"
    assert limits.LONGEST_ROW == 1024 * 1024
