"""A panel may be large, and not without end: one odd answer must not hold up everybody else's."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from services.aggregator.answers import Ballot, Classes
from services.aggregator.combiners import average, max_confidence, vote
from services.aggregator.combiners.panel import (
    FEW,
    LEVEL,
    MOST_CELLS,
    leader_of_one,
    leaders,
    union_of_labels,
)
from services.aggregator.errors import CannotCombine

MEMBERS, LABELS = 2, 5
MOST_ROWS = MOST_CELLS // (MEMBERS * LABELS)


def classes(rows: int, labels: int = LABELS) -> Classes:
    """An answer of the first label for each row."""
    return Classes(tuple(f"label {place}" for place in range(labels)), np.zeros(rows, dtype=np.int64))


def ballots(rows: int) -> list[Ballot]:
    sure = np.ones(rows)
    return [Ballot(f"m{place}", classes(rows), 1.0, sure) for place in range(MEMBERS)]


def test_as_many_cells_as_are_allowed_are_taken() -> None:
    assert MEMBERS * MOST_ROWS * LABELS == MOST_CELLS
    panel = [classes(MOST_ROWS), classes(MOST_ROWS)]
    assert union_of_labels(panel) == panel[0].labels


def test_a_row_more_is_refused_with_the_product_and_the_limit() -> None:
    with pytest.raises(CannotCombine) as refused:
        union_of_labels([classes(MOST_ROWS + 1), classes(MOST_ROWS + 1)])
    assert refused.value.message == (
        "2 members x 500001 rows x 5 labels are too much to combine; the product is at most 5000000"
    )
    assert refused.value.facts["labels"] == "5"
    assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "CANNOT_COMBINE")


def test_labels_of_all_members_together_count() -> None:
    """Each answer by itself would fit; their union does not."""
    rows = MOST_CELLS // (2 * 1000)
    mine = classes(rows, 1000)
    yours = Classes(("another", *mine.labels[1:]), mine.chosen)
    assert len(union_of_labels([mine, mine])) == 1000
    with pytest.raises(CannotCombine, match=f"2 members x {rows} rows x 1001 labels"):
        union_of_labels([mine, yours])


@pytest.mark.parametrize(
    "combine",
    [vote.combine, average.combine, max_confidence.combine],
    ids=["vote", "average", "max_confidence"],
)
def test_every_method_that_spreads_labels_has_the_limit(
    combine: Callable[[Sequence[Ballot]], object],
) -> None:
    with pytest.raises(CannotCombine, match="are too much to combine"):
        combine(ballots(MOST_ROWS + 1))


def test_the_leader_of_one_row_is_the_one_that_leaders_tell() -> None:
    """Also where labels are level, nearly level, or too many to look through."""
    rng = np.random.default_rng(7)
    alone = 0
    for _ in range(500):
        scores = rng.integers(0, 4, (1, rng.integers(1, FEW + 2))) / 4 + rng.integers(-2, 3) * LEVEL
        scores[0, 0] += rng.choice([0.0, LEVEL / 2, 2 * LEVEL, 1.0])
        found = leader_of_one(scores)
        told = np.flatnonzero(leaders(scores)[0])
        assert (found is None) is (len(told) > 1 or scores.size > FEW)
        if found is not None:
            alone += 1
            assert found.tolist() == told.tolist()
    assert alone > 100
    assert leader_of_one(np.array([[0.1, 0.9], [0.2, 0.8]])) is None
