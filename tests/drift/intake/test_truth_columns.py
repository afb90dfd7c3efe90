"""Which column of a table is its truth: one, and no other is taken for it."""

from collections.abc import Mapping

import pytest
from turnout.drift.v1.truth_pb2 import GroundTruthHeader

from services.drift.truths.columns import Columns
from services.foundation.errors import InvalidArgument


@pytest.mark.parametrize(
    "row",
    [
        {"label": "stays", "truth": "leaves"},
        {"label": "leaves", "truth": "leaves"},
        {"number": 1, "value": 0},
    ],
)
def test_of_two_columns_of_truths_nobody_knows_which_is_meant(row: Mapping[str, object]) -> None:
    """One may be what the model said: rows where both agree are no better than the others."""
    first, second = row
    with pytest.raises(InvalidArgument) as refused:
        Columns(GroundTruthHeader()).report({"prediction_id": "p", **row})
    ((field, said),) = refused.value.fields
    assert field == "truth"
    assert (
        said == f"is in one column, and {first} and {second} have a value: say which with header.column_map"
    )
    report, _ = Columns(GroundTruthHeader(column_map={"truth": second})).report({"prediction_id": "p", **row})
    assert report.truth.label == str(row[second]) or report.truth.number == row[second]


def test_a_row_fills_one_column_of_several() -> None:
    columns = Columns(GroundTruthHeader())
    columns.check(["prediction_id", "label", "number"])
    report, kind = columns.report({"prediction_id": "p", "label": "leaves", "number": None})
    assert (report.truth.label, kind) == ("leaves", "label")
    report, kind = columns.report({"prediction_id": "p", "label": None, "number": "1.5"})
    assert (report.truth.number, kind) == (1.5, "number")
    with pytest.raises(InvalidArgument, match="is needed: a column of the name label, number"):
        columns.report({"prediction_id": "p", "label": None, "number": None})
