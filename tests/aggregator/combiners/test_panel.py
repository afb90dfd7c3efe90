"""A panel may be large, and not without end: one odd answer must not hold up everybody else's."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from services.aggregator.answers import Ballot, Classes
from services.aggregator.combiners import average, max_confidence, vote
from services.aggregator.combiners.panel import MOST_CELLS, union_of_labels
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
