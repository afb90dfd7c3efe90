"""Who is employed in Massachusetts: the American Community Survey, as NannyML's wheel ships it.

Reference: 2015, with a model's predictions. Later: 2016 to 2018, with predictions, and labels apart. The data
are public domain (United States Census Bureau).
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

NUMERIC = "AGEP"
CATEGORICAL = (
    "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR", "DEYE", "DREM",
    "SEX", "RAC1P",
)  # fmt: skip
WORDS = {
    "RELP": "relationship",
    "ANC": "ancestry given",
    "SCHL": "schooling",
    "AGEP": "age",
    "score": "score",
}
LABELS = ("idle", "employed")
# Codes of RELP: institutions, such as prisons and homes, and others, such as dormitories and barracks.
GROUP_QUARTERS = pa.array(["16", "17"])


@dataclass(frozen=True, slots=True)
class Year:
    """One year in the file's order: features, prediction, score and quarters; and the labels."""

    year: int
    table: pa.Table
    labels: list[str]


def load(folder: Path) -> tuple[pa.Table, list[Year]]:
    """The reference and the years after it. Raises FileNotFoundError."""
    reference = parquet.read_table(folder / "employment_MA_reference.pq")
    later = parquet.read_table(folder / "employment_MA_analysis.pq")
    truth = parquet.read_table(folder / "employment_MA_analysis_target.pq")["employed"].to_numpy()
    years = later["year"].to_numpy()
    found = []
    for year in sorted(set(years.tolist())):
        own = np.flatnonzero(years == year)
        found.append(Year(year, _prepared(later.take(own)), [LABELS[value] for value in truth[own]]))
    return _prepared(reference), found


def as_parquet(table: pa.Table) -> bytes:
    """A file of the columns that a baseline is made of."""
    file = io.BytesIO()
    parquet.write_table(table.drop_columns(["id"]), file)
    return file.getvalue()


def _prepared(table: pa.Table) -> pa.Table:
    """Text for codes; the score of the label that was given, which is what a model's answer has."""
    said = table["prediction"].to_numpy()
    chance = table["predicted_probability"].to_numpy()
    columns = {name: pc.cast(table[name], pa.string()) for name in CATEGORICAL}
    grouped = pc.is_in(columns["RELP"], value_set=GROUP_QUARTERS)
    return pa.table(
        {
            "id": table["id"],
            NUMERIC: table[NUMERIC],
            **columns,
            "prediction": [LABELS[value] for value in said],
            "score": np.where(said == 1, chance, 1 - chance),
            "quarters": pc.if_else(grouped, "group", "home"),
        }
    )
