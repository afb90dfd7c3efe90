"""Categories: exact up to a thousand names, unseen ones by name, the rest as OTHER."""

import pytest

from services.drift.cells import MAX_NAMES, learn
from services.drift.cells.vocabulary import OTHER, capped


def test_an_unseen_category_has_a_column_of_its_own() -> None:
    vocabulary = learn(["A", "B", None])
    tally = vocabulary.count(["A", "a", "a", None])
    assert tally.unseen == {"a": 2}
    assert vocabulary.outside(tally) == 2
    assert vocabulary.absent(tally) == 1
    current = vocabulary.row(tally, sorted(tally.unseen))
    assert current.tolist() == [1, 0, 0, 2]


def test_a_baseline_of_too_many_names_keeps_the_most_frequent() -> None:
    names = [f"n{index:04}" for index in range(MAX_NAMES + 5)]
    vocabulary = learn(names + names[5:])
    assert len(vocabulary.names) == MAX_NAMES
    assert "n0000" not in vocabulary.names
    # It may have been one of the names that did not fit, so it cannot be called unseen.
    assert vocabulary.count(["n0000", "new"]).columns[OTHER] == 2


def test_unseen_names_are_bounded_and_the_others_still_counted() -> None:
    vocabulary = learn(["a"])
    tally = vocabulary.count([f"u{index}" for index in range(MAX_NAMES + 50)] * 2)
    assert len(tally.unseen) == MAX_NAMES
    assert set(tally.unseen.values()) == {2}
    assert tally.columns[OTHER] == 100
    assert tally.rows == 2 * (MAX_NAMES + 50)


def test_which_unseen_names_are_kept_does_not_depend_on_batches_or_their_order() -> None:
    vocabulary = learn(["a"])
    names = [f"u{index % 1700}" for index in range(5000)]
    whole = vocabulary.count(names)
    for size in (1250, 700):
        parts = [names[start : start + size] for start in range(0, len(names), size)]
        for ordered in (parts, parts[::-1]):
            total = vocabulary.count([])
            for part in ordered:
                total = capped(total + vocabulary.count(part))
            assert total == whole


def test_a_baseline_of_nothing_but_missing_values_is_refused() -> None:
    with pytest.raises(ValueError, match="not missing"):
        learn([None, None])
