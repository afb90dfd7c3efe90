"""All features at once against each by itself: the same, to the last bit."""

import numpy as np
import pytest

from services.drift.baselines import Feature
from services.drift.cells import Frame, Tally, freeze, learn
from services.drift.comparison import Comparison, Method, compare, compare_all
from services.drift.reference import Reference, References

Column = tuple[Frame, Tally, Tally]


def number(rng: np.random.Generator, rows: tuple[int, int], *, whole: bool = False) -> Column:
    """A column of numbers, of few values if whole, with some missing."""
    before, after = (rng.normal(0, 1, size).round() if whole else rng.normal(size=size) for size in rows)
    after[rng.random(len(after)) < 0.1] = np.nan
    grid = freeze(before)
    return grid, grid.count(before), grid.count(after)


def category(rng: np.random.Generator, rows: tuple[int, int], unseen: int) -> Column:
    """A column of names, so many of them new in the window."""
    before = rng.choice(["a", "b", "c", "rare"], rows[0], p=[0.5, 0.3, 0.19, 0.01]).tolist()
    after = [*rng.choice(["a", "b"], rows[1]).tolist(), *(f"new {place}" for place in range(unseen))]
    names = learn(before)
    return names, names.count(before), names.count(after, missing=rows[1] % 7)


def columns(seed: int) -> list[Column]:
    """Columns of all kinds in some order, some with few rows or none."""
    rng = np.random.default_rng(seed)
    sizes = [(int(rng.integers(60, 900)), int(rng.choice([0, 1, 20, 300, 2000]))) for _ in range(12)]
    made = [
        *(number(rng, rows) for rows in sizes[:4]),
        *(number(rng, rows, whole=True) for rows in sizes[4:8]),
        *(category(rng, rows, int(rng.integers(3)) * (seed % 2)) for rows in sizes[8:]),
    ]
    return [made[at] for at in rng.permutation(len(made))]


def told(found: Comparison) -> list[object]:
    """Everything of a comparison, arrays as lists."""
    return [[side.tolist() for side in found.shares], *found[1:]]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("method", [Method(), Method(1e-4, kullback_leibler=True, own_range=False)])
def test_together_and_one_by_one(seed: int, method: Method) -> None:
    some = columns(seed)
    alone = [told(compare(frame, before, after, method)) for frame, before, after in some]
    reference = Reference([(frame, before) for frame, before, _ in some])
    for _ in range(2):
        # The second time of what the reference remembers.
        together = compare_all(reference, [after for *_, after in some], method)
        assert list(map(told, together)) == alone


def test_a_reference_remembers_nothing_of_a_window() -> None:
    (frame, before, after), (_, _, other) = (
        category(np.random.default_rng(1), (500, 400), unseen) for unseen in (2, 0)
    )
    reference = Reference([(frame, before)])
    first, second, third = (told(compare_all(reference, [one], Method())[0]) for one in (after, other, after))
    assert first == third != second


def test_no_more_cells_than_told_are_remembered() -> None:
    rng = np.random.default_rng(2)
    made = [Feature("x", *number(rng, (400, 1))[:2]) for _ in range(3)]
    size = made[0].frame.size
    kept = References(2 * size)
    first, second = kept.of("a", made[:1]), kept.of("b", made[1:2])
    assert kept.of("a", made[:1]) is first
    kept.of("c", made[2:])
    assert kept.of("a", made[:1]) is first
    assert kept.of("b", made[1:2]) is not second
    alone = References(1)
    assert alone.of("a", made[:1]) is alone.of("a", made[:1])
