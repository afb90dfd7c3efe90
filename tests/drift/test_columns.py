"""Columns cut out of many records at once are what reading each record by name gives."""

import numpy as np
import pytest
from turnout.inference.v1.input_pb2 import TabularInput

from services.drift.baselines import Baseline, measure_columns
from services.drift.buckets import buckets_of
from services.drift.columns import FEWEST, MOST_SHAPES, numbers, texts
from services.drift.folding import count, place
from services.drift.rows import Block, Row, Rows

NAMES = ["a", "a long name of more than a hundred and twenty-seven bytes " + "x" * 80, "ü", "zz"]
WORDS = ["c", "d"]
NOW = 1_760_000_123.0


def records(rng: np.random.Generator, size: int, shapes: int) -> list[Row]:
    """Records with some of the columns, in one of so many ways."""
    kinds = [rng.random(len(NAMES)) < 0.7 for _ in range(shapes)]
    made = []
    for _ in range(size):
        having = kinds[rng.integers(shapes)]
        there = [name for name, has in zip(NAMES, having, strict=True) if has]
        values = rng.choice([rng.normal(), np.nan, np.inf, 0.0, -0.0], len(there))
        packed = TabularInput(numeric_features=dict(zip(rng.permutation(there), values, strict=True)))
        for name in WORDS:
            if rng.random() < 0.8:
                packed.categorical_features[name] = str(rng.choice(["x", "yy", "", "long" * 60]))
        packed.missing.extend(["m"] * int(rng.integers(3)))
        made.append(Row(NOW - rng.uniform(0, 200_000), packed=packed))
    return made


def naive(rows: list[Row]) -> list[Row]:
    """The same rows with maps of their own."""
    return [
        Row(row.time, dict(row.packed.numeric_features), dict(row.packed.categorical_features))
        for row in rows
        if row.packed is not None
    ]


@pytest.mark.parametrize("size", [1, FEWEST, 400])
@pytest.mark.parametrize("shapes", [1, 3, 2 * MOST_SHAPES])
def test_cutting_gives_what_reading_does(size: int, shapes: int) -> None:
    rows = records(np.random.default_rng([size, shapes]), size, shapes)
    found, words = numbers(rows, NAMES), texts(rows, WORDS)
    assert list(found) == NAMES
    for name in NAMES:
        expected = [row.numeric[name] for row in naive(rows) if name in row.numeric]
        np.testing.assert_array_equal(np.sort(found[name]), np.sort(np.array(expected, dtype=float)))
    for name in WORDS:
        assert words[name] == [row.categorical[name] for row in naive(rows) if row.categorical.get(name)]


@pytest.mark.parametrize("seed", range(3))
def test_a_profile_is_the_same_whichever_way_rows_came(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = records(rng, 300, 4)
    kinds = {
        "numeric": {name: rng.normal(size=200).tolist() for name in NAMES},
        "names": {"c": ["x", "yy"] * 100},
    }
    size, features = measure_columns(kinds["numeric"], kinds["names"], {})
    baseline = Baseline("u", "i", "models/m", "m", size, features, NOW)
    assert count(baseline, rows, "1-1") == count(baseline, naive(rows), "1-1")


def test_a_tensors_rows_are_counted_as_records_are() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(300, 2))
    values[5, 0], values[6, 1] = np.nan, np.inf
    size, features = measure_columns({name: rng.normal(size=500).tolist() for name in "xy"}, {}, {})
    baseline = Baseline("u", "i", "models/m", "m", size, features, NOW)
    block = Block(NOW, 300, {"x": values[:, 0], "y": values[:, 1]})
    singles = [Row(NOW, {"x": float(x), "y": float(y)}) for x, y in values]
    assert count(baseline, [block], "") == count(baseline, singles, "")


def test_rows_are_placed_where_each_of_them_belongs() -> None:
    rng = np.random.default_rng(4)
    edges = [NOW - 2 * 3600, NOW - 3 * 86_400, NOW - 90 * 86_400, NOW + 300]
    times = [edge + rng.uniform(-90, 90) for edge in edges for _ in range(100)]
    rows: list[Rows] = [Row(time) for time in times]
    placed = {row.time: one.buckets for one in place({"1-1": rows}, NOW) for row in one.rows}
    for time in times:
        assert placed.get(time, ()) == buckets_of(time, NOW)
