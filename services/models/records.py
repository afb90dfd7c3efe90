"""One record, however it was sent: a row of JSON or two scalar maps."""

import difflib
from collections.abc import Collection, Mapping
from typing import NamedTuple

from google.protobuf.struct_pb2 import Struct
from turnout.inference.v1.input_pb2 import Input, TabularInput


class Record(NamedTuple):
    """Columns by kind. `nested` are those of a row that hold lists or objects; `is_row` decides how errors
    spell a column."""

    numeric: Mapping[str, float]
    categorical: Mapping[str, str]
    missing: Collection[str]
    nested: Collection[str] = ()
    is_row: bool = False

    def path(self, name: str, *, numeric: bool) -> str:
        """Where the caller wrote a column, or should have."""
        if self.is_row:
            return f"input.row['{name}']"
        return f"input.tabular.{'numeric' if numeric else 'categorical'}_features['{name}']"

    def absent(self, name: str, known: Collection[str]) -> str:
        """What to say of a column that is not there. A single stranger close to it is a likely slip; among
        many, guessing is slow and mostly wrong."""
        strangers = [given for given in (*self.numeric, *self.categorical) if given not in known]
        close = difflib.get_close_matches(name, strangers, 1) if len(strangers) == 1 else []
        return f"missing; did you mean it by '{close[0]}'?" if close else "missing"

    def as_message(self) -> TabularInput:
        """The record as it is logged."""
        return TabularInput(
            numeric_features=self.numeric, categorical_features=self.categorical, missing=self.missing
        )


def record_of_tabular(tabular: TabularInput) -> Record:
    """The maps as they are, not copied."""
    return Record(tabular.numeric_features, tabular.categorical_features, tabular.missing)


def record_of_row(row: Struct, boolean: Collection[str]) -> Record:
    """A row's values by their JSON type. `boolean` are the numeric columns that true and false may fill;
    elsewhere they are the categories "true" and "false"."""
    numeric: dict[str, float] = {}
    categorical: dict[str, str] = {}
    missing: list[str] = []
    nested: list[str] = []
    for name, value in row.fields.items():
        match value.WhichOneof("kind"):
            case "number_value":
                numeric[name] = value.number_value
            case "string_value":
                categorical[name] = value.string_value
            # As a category rather than 0 or 1: {"smoker": true} reads like {"smoker": "true"}.
            case "bool_value" if name in boolean:
                numeric[name] = float(value.bool_value)
            case "bool_value":
                categorical[name] = str(value.bool_value).lower()
            case "null_value" | None:
                missing.append(name)
            case _:
                nested.append(name)
    return Record(numeric, categorical, missing, nested, is_row=True)


def unknown_columns(given: Input, known: Collection[str]) -> list[str]:
    """Columns of a row or tabular input that are not in `known`.

    A model ignores them: the variants of one router read different columns of the same record. The router,
    which knows all its variants, warns of those that none reads.
    """
    if given.HasField("row"):
        return [name for name in given.row.fields if name not in known]
    tabular = given.tabular
    names = (*tabular.numeric_features, *tabular.categorical_features, *tabular.missing)
    return [name for name in names if name not in known]
