"""Columns: what a signature says of each, and reading one's value from a record."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf.struct_pb2 import Value as JsonValue
from turnout.router.v1.model_pb2 import FEATURE_KIND_CATEGORICAL, FEATURE_KIND_NUMERIC, Feature

from services.models.datatypes import Datatype, encode_numbers
from services.models.problems import Problems
from services.models.records import Record

Cell: TypeAlias = float | bytes


@dataclass(frozen=True, slots=True)
class Column:
    """One compiled feature. `default` is what a row that lacks it sends, None where that is an error."""

    name: str
    dtype: Datatype
    nullable: bool
    default: Cell | None
    categories: frozenset[str]

    @property
    def numeric(self) -> bool:
        return self.dtype.numeric

    @property
    def absent(self) -> Cell | None:
        """What is sent when the value is not there; None refuses it."""
        if self.default is not None or not self.nullable:
            return self.default
        return math.nan if self.numeric else b""


def compile_column(feature: Feature, dtype: Datatype, path: str, problems: Problems) -> Column:
    """Check one feature of a registration; `dtype` is the type of its tensor."""
    numeric = feature.kind == FEATURE_KIND_NUMERIC
    if feature.kind not in (FEATURE_KIND_NUMERIC, FEATURE_KIND_CATEGORICAL):
        problems.add(f"{path}.kind", "FEATURE_KIND_NUMERIC or FEATURE_KIND_CATEGORICAL expected")
    elif numeric != dtype.numeric:
        rule = "a numeric column needs a numeric type"
        if not numeric:
            rule = "a category is sent as BYTES (next to numbers: LAYOUT_KIND_PER_COLUMN)"
        problems.add(f"{path}.dtype", f"{rule}, not {dtype.name}")
    if numeric and feature.categories:
        problems.add(f"{path}.categories", "only a categorical column has categories")
    if len(set(feature.categories)) != len(feature.categories):
        problems.add(f"{path}.categories", "each category once")
    default = _default(feature, dtype, f"{path}.default", problems)
    if feature.nullable and default is None and dtype.bounds:
        problems.add(f"{path}.default", f"{dtype.name} cannot say NaN: a nullable column needs a default")
    return Column(feature.name, dtype, feature.nullable, default, frozenset(feature.categories))


def default_dtype(feature: Feature) -> str:
    """The type a column is sent as when its registration does not say."""
    return feature.dtype or ("BYTES" if feature.kind == FEATURE_KIND_CATEGORICAL else "FP64")


def _default(feature: Feature, dtype: Datatype, path: str, problems: Problems) -> Cell | None:
    if not feature.HasField("default"):
        return None
    given: JsonValue = feature.default
    if dtype.numeric:
        if given.WhichOneof("kind") != "number_value":
            problems.add(path, "a number expected")
            return None
        wrong = number_problem(dtype, given.number_value)
        if wrong:
            problems.add(path, wrong)
        return int(given.number_value) if dtype.bounds and not wrong else given.number_value
    if given.WhichOneof("kind") != "string_value":
        problems.add(path, "a string expected")
    elif feature.categories and given.string_value not in feature.categories:
        problems.add(path, f"one of the column's categories expected, not '{given.string_value}'")
    return given.string_value.encode()


def number_problem(dtype: Datatype, value: float) -> str:
    """Why a finite number does not fit a type; empty if it does."""
    if dtype.bounds is None:
        try:
            encode_numbers(dtype, (value,))
        except OverflowError:
            return f"a number in the range of {dtype.name} expected, got {value:g}"
        return ""
    low, high = dtype.bounds
    if math.isfinite(value) and value.is_integer() and low <= value <= high:
        return ""
    return f"a whole number from {low} to {high} expected, got {value:g}"


def read(column: Column, record: Record, known: Collection[str], problems: Problems) -> Cell:
    """A column's value as it is sent. What is wrong goes to `problems`, and the value then means nothing."""
    name = column.name
    homes = (name in record.numeric) + (name in record.categorical) + (name in record.missing)
    if homes > 1:
        problems.add(record.path(name, numeric=column.numeric), "the column is given more than once")
    elif name in record.nested:
        problems.add(record.path(name, numeric=column.numeric), "a number, a string or null expected")
    elif column.numeric and name in record.numeric:
        return _number(column, record.numeric[name], record, problems)
    elif not column.numeric and name in record.categorical:
        return _category(column, record.categorical[name], record, problems)
    elif name in record.numeric:
        got = f"a string expected, got the number {record.numeric[name]:g}"
        problems.add(record.path(name, numeric=True), got)
    elif name in record.categorical:
        given = record.categorical[name]
        # A row's true reads like "true": which of them it was is not known here.
        spelled = given if record.is_row and given in ("true", "false") else f"the string '{given[:40]}'"
        got = f"a number expected, got {spelled}"
        problems.add(record.path(name, numeric=False), got)
    elif column.absent is not None:
        return column.absent
    else:
        problems.add(
            record.path(name, numeric=column.numeric), "" if problems.full else record.absent(name, known)
        )
    # Anything will do: the request is refused.
    return 0.0


def _number(column: Column, value: float, record: Record, problems: Problems) -> Cell:
    # Infinities pass where NaN does: some models mean "never" by them.
    if not math.isfinite(value):
        if not column.nullable:
            wrong = f"a finite number expected, got {value}; the signature does not say nullable"
            problems.add(record.path(column.name, numeric=True), wrong)
        elif math.isnan(value) and column.absent is not None:
            return column.absent
    wrong = "" if math.isnan(value) else number_problem(column.dtype, value)
    if wrong:
        problems.add(record.path(column.name, numeric=True), wrong)
    return int(value) if column.dtype.bounds and not wrong and math.isfinite(value) else value


def _category(column: Column, value: str, record: Record, problems: Problems) -> Cell:
    if column.categories and value not in column.categories:
        allowed = ", ".join(sorted(column.categories)[:10])
        wrong = f"one of the column's categories expected ({allowed}), got '{value[:40]}'"
        problems.add(record.path(column.name, numeric=False), wrong)
    return value.encode()
