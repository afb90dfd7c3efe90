"""Columns cut out of many records at once are what reading each record by name gives."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from turnout.inference.v1.input_pb2 import TabularInput

from services.drift.baselines import Baseline, measure_columns
from services.drift.buckets import buckets_of
from services.drift.columns import MANY, columns
from services.drift.cutting import ALIKE, FEWEST, Cut
from services.drift.folding import count
from services.drift.placing import place
from services.drift.rows import NONE_WITHHELD, Block, Records, Row, Rows, Said
from services.drift.shapes import COMPARED, shape_of

NAMES = ["a", "a long name of more than a hundred and twenty-seven bytes " + "x" * 80, "ü", "zz"]
WORDS = ["c", "d", "ö"]
TEXTS = ["x", "yy", "", "ünïcode", "seven77", "eight888", "x\0", "\0", "long" * 60, "a" * 100]
NOW = 1_760_000_123.0


def records(rng: np.random.Generator, size: int, shapes: int, names: Sequence[str] = NAMES) -> list[bytes]:
    """Records with some of the columns, in one of so many ways, each in an order of its own."""
    kinds = [rng.random(len(names)) < 0.7 for _ in range(shapes)]
    made = []
    for _ in range(size):
        having = kinds[rng.integers(shapes)]
        there = [name for name, has in zip(names, having, strict=True) if has]
        values = rng.choice([rng.normal(), np.nan, np.inf, 0.0, -0.0], len(there))
        packed = TabularInput(numeric_features=dict(zip(rng.permutation(there), values, strict=True)))
        for name in rng.permutation(WORDS):
            if rng.random() < 0.8:
                packed.categorical_features[name] = str(rng.choice(TEXTS))
        packed.missing.extend(["\n\x01c\x12\x01x"] * int(rng.integers(3)))
        made.append(packed.SerializeToString())
    return made


def alike(rng: np.random.Generator, size: int) -> list[bytes]:
    """Records of a program that always writes the same columns."""
    return [
        TabularInput(
            numeric_features=dict(zip("abc", rng.normal(size=3), strict=True)),
            categorical_features={name: str(rng.choice(TEXTS[:5])) for name in WORDS},
        ).SerializeToString()
        for _ in range(size)
    ]


def together(some: Sequence[bytes], withheld: Mapping[int, frozenset[str]] = NONE_WITHHELD) -> Records:
    """Records as rows of now."""
    return Records(np.full(len(some), int(NOW)), some, withheld)


def naive(rows: Records) -> list[Row]:
    """The same rows with maps of their own; empty ones where they cannot be read."""
    return [
        Row(
            float(rows.times[at]),
            dict(one.numeric_features),
            dict(one.categorical_features),
            rows.withheld.get(at, frozenset()),
        )
        for at, one in enumerate(map(read, rows.packed))
    ]


def read(wire: bytes) -> TabularInput:
    """A record; an empty one where it cannot be read."""
    try:
        return TabularInput.FromString(wire)
    except DecodeError:
        return TabularInput()


def packed(some: Sequence[TabularInput]) -> list[bytes]:
    """The bytes of records."""
    return [one.SerializeToString() for one in some]


def bits(values: Sequence[float]) -> list[bytes]:
    """Numbers to the last bit, whatever their order."""
    return sorted(np.float64(value).tobytes() for value in values)


def check(some: Sequence[bytes], names: Sequence[str]) -> None:
    """By name and cut, a column has the same values."""
    rows = together(some)
    found = columns([rows], names, WORDS)
    assert [*found.numbers] == [*names]
    for name in names:
        assert bits(found.numbers[name].tolist()) == bits(
            [row.numeric[name] for row in naive(rows) if name in row.numeric]
        )
    for name in WORDS:
        texts = [row.categorical[name] for row in naive(rows) if row.categorical.get(name)]
        assert found.texts[name] == Counter(texts)


@pytest.mark.parametrize("size", [0, 1, FEWEST, MANY, 900])
@pytest.mark.parametrize("shapes", [1, 3, 40])
def test_cutting_gives_what_reading_does(size: int, shapes: int) -> None:
    check(records(np.random.default_rng([size, shapes]), size, shapes), NAMES)


def test_records_with_holes_anywhere_are_cut_as_well() -> None:
    names = [f"n{index}" for index in range(12)]
    rows = records(np.random.default_rng(2), 600, 500, names)
    check(rows, names)
    assert np.mean(Cut(rows).worded) > 0.5


def test_all_of_what_is_alike_is_cut() -> None:
    rows = alike(np.random.default_rng(1), MANY)
    check(rows, "abc")
    cut = Cut(rows)
    assert cut.numbered.all()
    assert cut.worded.all()


def test_numbers_are_cut_where_long_texts_are_to_be_read_by_name() -> None:
    rows = alike(np.random.default_rng(8), MANY)
    longer = TabularInput(categorical_features={"d": "long" * 60}).SerializeToString()
    for at, one in list(enumerate(rows))[::2]:
        merged = TabularInput.FromString(one + longer)
        rows[at] = merged.SerializeToString(deterministic=True)
    check(rows, "abc")
    cut = Cut(rows)
    assert cut.numbered.all()
    assert cut.worded.tolist() == [False, True] * (MANY // 2)


def test_records_that_share_no_names_are_read_by_name() -> None:
    made = [TabularInput(numeric_features={f"a{index}": 1.0, "b": 2.0}) for index in range(2 * MANY)]
    check(packed(made), ["a1", "a200", "b"])


def test_one_long_record_does_not_take_the_others_with_it() -> None:
    long = TabularInput(numeric_features={f"a{index:05}": float(index) for index in range(5000)})
    short = [TabularInput(numeric_features={"a00001": float(index)}) for index in range(MANY)]
    check(packed([long, *short]), ["a00000", "a00001", "a04999"])


@pytest.mark.parametrize("names", [1, 100, 10_000])
def test_what_a_shape_takes_does_not_hang_on_how_many_are_compared(names: int) -> None:
    wire = TabularInput(numeric_features={f"a{at:05}": 1.0 for at in range(names)}).SerializeToString()
    shape = shape_of(wire)
    assert shape is not None
    assert len(wire) <= shape.width < len(wire) + 8
    assert shape.words.nbytes == shape.mask.nbytes <= max(COMPARED, shape.width)
    check([wire] * 3 + packed([TabularInput(numeric_features={"a00000": 2.0})] * MANY), ["a00000"])


def test_records_that_go_on_where_others_end_are_told_apart() -> None:
    rng = np.random.default_rng(6)
    longer = [
        TabularInput(numeric_features={"a": 1.0, "b": 2.0, "z": float(index)}) for index in range(ALIKE)
    ]
    shorter = [TabularInput(numeric_features={"a": 3.0, "b": 4.0}) for _ in range(2 * ALIKE)]
    only = [TabularInput(categorical_features={"c": "x" * int(size)}) for size in rng.integers(0, 200, 99)]
    empty = [TabularInput()] * 40
    for some in ([*longer, *shorter, *only, *empty], [*empty, *only, *shorter, *longer]):
        check(packed(some), "abz")


def test_what_a_newer_version_wrote_beside_is_left_alone() -> None:
    rng = np.random.default_rng(7)
    rows = alike(rng, MANY)
    for at, one in list(enumerate(rows))[::3]:
        rows[at] = one + b"\x08\x01\x22\x03abc\x10\x05"
    check(rows, "abc")


DAMAGE = {
    "cut off": lambda wire: wire[:-3],
    "a number that is a text": lambda wire: wire.replace(b"\x11", b"\x12", 1),
    "a length beyond the end": lambda wire: b"\x0a\xff" + wire[2:],
    "a length without an end": lambda _: b"\x0a" + b"\xff" * 40,
    "names that are no text": lambda wire: wire.replace(b"a\x11", b"\xff\x11").replace(b"\x01c", b"\x01\xfe"),
    "texts that are no text": lambda wire: wire.replace(b"yy", b"\xff\xfe"),
    "noise": lambda wire: np.random.default_rng(len(wire)).bytes(len(wire)),
    "one name twice": lambda wire: wire + wire,
    "one byte": lambda _: b"\x0a",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("places", [slice(5, 6), slice(0, 1), slice(None, None, 7), slice(None)])
def test_a_record_that_cannot_be_read_costs_no_other(damage: Callable[[bytes], bytes], places: slice) -> None:
    rows = alike(np.random.default_rng(9), MANY)
    for at in range(MANY)[places]:
        rows[at] = damage(rows[at])
    check(rows, "abc")


def one(**fields: Any) -> bytes:
    return TabularInput(**fields).SerializeToString()


ODD = {
    "missing first": one(missing=["x"]) + one(numeric_features={"a": 1.0}, categorical_features={"c": "x"}),
    "missing between": one(numeric_features={"a": 1.0})
    + one(missing=["x"])
    + one(numeric_features={"b": 2.0}),
    "texts first": one(categorical_features={"c": "x"}) + one(numeric_features={"a": 1.0}),
    "a long text first": one(categorical_features={"d": "x" * 200}) + one(numeric_features={"a": 1.0}),
    "a number twice": one(numeric_features={"a": 1.0}) + one(numeric_features={"a": 2.0}),
    "a text twice": one(categorical_features={"c": "x"}) + one(categorical_features={"c": "yy"}),
    "much missing": one(numeric_features={"a": 1.0}, missing=["x"] * 100),
    "long names missing": one(numeric_features={"a": 1.0}, missing=["x" * 300]),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("share", [1, 2, 50])
def test_what_another_writer_may_write_is_read_as_protobuf_has_it(odd: bytes, share: int) -> None:
    rows = alike(np.random.default_rng(9), 2 * MANY)
    for at in range(0, 2 * MANY, share):
        rows[at] = odd
    check(rows, "abc")
    check([odd] * MANY + [b""] * MANY, "abc")


def test_a_length_without_an_end_takes_no_longer_than_another() -> None:
    """A million bytes of it took minutes to add up."""
    rows = together([b"\x0a" + b"\xff" * 1_000_000] * MANY)
    assert not columns([rows], "abc", WORDS).numbers["a"].size


@pytest.mark.parametrize("seed", range(40))
def test_bytes_that_changed_are_read_as_what_they_are_or_not_at_all(seed: int) -> None:
    rng = np.random.default_rng([seed, 17])
    rows = alike(rng, MANY)
    for at in rng.integers(MANY, size=3).tolist():
        wire = bytearray(rows[at])
        wire[rng.integers(len(wire))] = rng.integers(256)
        rows[at] = bytes(wire)
    found = columns([together(rows)], "abc", WORDS)
    assert all(len(found.numbers[name]) <= MANY for name in "abc")
    assert all(found.texts[name].total() <= MANY for name in WORDS)
    others = [one for one in rows if read(one).numeric_features]
    assert len(found.numbers["a"]) >= len(others) - 3


@pytest.mark.parametrize("seed", range(3))
def test_a_profile_is_the_same_whichever_way_rows_came(seed: int) -> None:
    rng = np.random.default_rng(seed)
    some = records(rng, 600, 4)
    rows = together(some)
    kinds = {
        "numeric": {name: rng.normal(size=200).tolist() for name in NAMES},
        "names": {"c": ["x", "yy"] * 100},
    }
    size, features = measure_columns(kinds["numeric"], kinds["names"], {})
    baseline = Baseline("u", "i", "models/m", "m", size, features, NOW)
    assert count(baseline, [rows], "1-1") == count(baseline, naive(rows), "1-1")
    half = together(some, dict.fromkeys(range(0, 600, 2), frozenset("ca")))
    counted = count(baseline, [half], "1-1")
    assert counted == count(baseline, naive(half), "1-1")
    assert counted.rows == 600
    assert counted.columns.sum() < count(baseline, [rows], "1-1").columns.sum()


def test_a_tensors_rows_are_counted_as_records_are() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(300, 2))
    values[5, 0], values[6, 1] = np.nan, np.inf
    size, features = measure_columns({name: rng.normal(size=500).tolist() for name in "xy"}, {}, {})
    baseline = Baseline("u", "i", "models/m", "m", size, features, NOW)
    block = Block(NOW, 300, {"x": values[:, 0], "y": values[:, 1]})
    singles = [Row(NOW, {"x": float(x), "y": float(y)}) for x, y in values]
    assert count(baseline, [block], "") == count(baseline, singles, "")
    mixed: list[Rows] = [block, *singles]
    assert count(baseline, mixed, "") == count(baseline, [block, block], "")


@pytest.mark.parametrize("within", [0, 60, 100_000])
def test_rows_are_placed_where_each_of_them_belongs(within: int) -> None:
    rng = np.random.default_rng([4, within])
    edges = [NOW - 2 * 3600, NOW - 3 * 86_400, NOW - 90 * 86_400, NOW + 300]
    for edge in edges:
        times = np.floor(edge + rng.uniform(-within, within + 0.5, 100)).astype(np.int64)
        rows = Records(times, [str(at).encode() for at in range(100)])
        wanted = {buckets_of(time, NOW) for time in times.tolist()} - {()}
        placed = place({"1-1": [rows]}, NOW)
        assert {one.buckets for one in placed} == wanted
        assert len(placed) == len(wanted)
        for one in placed:
            (some,) = one.rows
            assert isinstance(some, Records)
            assert {buckets_of(time, NOW) for time in some.times.tolist()} == {one.buckets}
            assert [int(times[int(at)]) for at in some.packed] == some.times.tolist()
        singles = place({"1-1": [Row(time) for time in times.tolist()]}, NOW)
        assert {one.buckets: len(one.rows) for one in singles} == {
            one.buckets: one.rows[0].size for one in placed
        }


def test_what_is_withheld_and_was_said_stays_with_its_record() -> None:
    said = [Said([f"l{at}"], [0.5]) for at in range(4)]
    rows = Records(
        np.arange(4), [bytes([at]) for at in range(4)], {1: frozenset("a"), 3: frozenset("bc")}, said
    )
    some = rows.at([3, 0, 1])
    assert (some.times.tolist(), list(some.packed)) == ([3.0, 0.0, 1.0], [b"\3", b"\0", b"\1"])
    assert some.withheld == {0: {"b", "c"}, 2: {"a"}}
    assert [one.labels for one in some.answers()] == [["l3"], ["l0"], ["l1"]]
    assert rows.hidden() == {"a", "b", "c"}
    assert list(rows.showing("b").packed) == [b"\0", b"\1", b"\2"]
    assert rows.showing("d").size == 4
