"""Columns of any length give the cells that all of their rows at once would give."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from services.drift.cells import Vocabulary, freeze
from services.drift.cells.vocabulary import OTHER
from services.drift.uploading import spill
from services.drift.uploading.columns import Names, Numbers
from services.drift.uploading.spill import Spill

RNG = np.random.default_rng(29)
NO = np.zeros(1000, dtype=bool)
ONES = np.ones(1000, dtype=np.int64)


@pytest.fixture
def disk() -> Iterator[Spill]:
    made = Spill()
    yield made
    made.close()


@pytest.mark.parametrize("every", [1, 7, 1000])
@pytest.mark.parametrize("at_once", [3, 100_000])
def test_numbers_that_were_spilled_freeze_as_all_of_them(
    disk: Spill, every: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "READ_AT_ONCE", at_once * 25)
    monkeypatch.setattr("services.drift.uploading.columns.LEAST_RUN", 1)
    values = np.where(RNG.random(25_000) < 0.1, -0.0, RNG.lognormal(size=25_000).round(4))
    column = Numbers(disk)
    for start in range(0, len(values), 1000):
        column.add(values[start : start + 1000], NO, ONES)
        if start // 1000 % every == 0:
            column.put_away()
    grid, tally = column.freeze()
    assert grid.id == freeze(values).id
    assert tally == freeze(values).count(values)


def test_a_weight_is_so_many_rows(disk: Spill) -> None:
    values, weights = RNG.normal(size=1000), RNG.integers(1, 9, 1000)
    column = Numbers(disk)
    column.add(values, NO, weights)
    column.put_away()
    column.add(values, NO, ONES)
    grid, tally = column.freeze()
    repeated = np.repeat(values, weights + 1)
    assert grid.id == freeze(repeated).id
    assert tally == freeze(repeated).count(repeated)


def test_what_is_no_finite_number_is_counted_beside() -> None:
    column = Numbers(Spill())
    values = np.array([1.0, np.nan, np.inf, -np.inf, np.nan, 2.0])
    missing = np.array([False, False, False, False, True, False])
    column.add(values, missing, np.arange(1, 7))
    grid, tally = column.freeze()
    assert tally.columns[-4:].tolist() == [5, 2, 3, 4]
    assert grid.present(tally).sum() == 7


def test_names_are_exact_up_to_a_bound() -> None:
    column = Names(most=100)
    column.add(["a", None, "b", "a"], np.array([1, 2, 3, 4]))
    vocabulary, tally = column.freeze()
    assert isinstance(vocabulary, Vocabulary)
    assert (vocabulary.names, tally.columns.tolist()) == (("a", "b"), [5, 3, 0, 2])


def test_of_a_million_names_the_frequent_are_kept_and_the_doubt_is_told() -> None:
    names = [f"v{value}" for value in RNG.zipf(1.3, 200_000)]
    column = Names(most=500)
    for start in range(0, len(names), 5000):
        column.add(names[start : start + 5000], np.ones(5000, dtype=np.int64))
        assert len(column.counts) <= 1_000 + 5000
    vocabulary, tally = column.freeze()
    assert isinstance(vocabulary, Vocabulary)
    exact = Counter(names)
    assert 0 < column.doubt <= len(names) / 500
    for name, count in zip(vocabulary.names, tally.columns.tolist(), strict=False):
        assert exact[name] - column.doubt <= count <= exact[name]
    assert {name for name, _ in exact.most_common(50)} <= set(vocabulary.names)
    assert tally.rows == len(names)
    assert vocabulary.overflowed
    assert tally.columns[OTHER] > 0


def test_an_empty_column_cannot_be_frozen() -> None:
    for column in (Numbers(Spill()), Names(most=10)):
        with pytest.raises(ValueError, match="at least one"):
            column.freeze()
