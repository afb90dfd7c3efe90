"""A baseline: what a model's features looked like when all was well, as counts on frozen cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from types import MappingProxyType
from typing import NamedTuple

from services.drift.cells import Frame, Tally, freeze, learn
from services.foundation.errors import FieldViolation, InvalidArgument

# Bounds what one baseline, and with it every bucket of its model, can take of memory.
MAX_FEATURES = 512
NumericColumns = Mapping[str, Sequence[float]]
CategoricalColumns = Mapping[str, Sequence[str | None]]


class Role(Enum):
    """What a column is to its model; the values are those of the contract's FeatureRole."""

    FEATURE = 0
    PREDICTION = 1
    SCORE = 2


class Segment(NamedTuple):
    """A part of a model's traffic: the predictions whose segment of that name has that value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Feature:
    """One column: the cells it is counted in, its counts, its weight in the overall score, what it is to the
    model, and why it is a number or a category."""

    name: str
    frame: Frame
    tally: Tally
    importance: float = 1.0
    role: Role = Role.FEATURE
    kind_reason: str = ""


class Source(Enum):
    """What a baseline was made from; the values are those of the contract's BaselineSource."""

    UNKNOWN = 0
    COLUMNS = 1
    FILE = 2
    AGGREGATES = 3
    WINDOW = 4


@dataclass(frozen=True, slots=True)
class Baseline:
    """A reference for one model, or for a segment of its traffic. `uid` is never reused, and names the cells
    that profiles are counted on."""

    uid: str
    id: str
    model: str
    model_uid: str
    rows: int
    features: tuple[Feature, ...]
    create_time: float
    description: str = ""
    segment: Segment | None = None
    source: Source = Source.UNKNOWN
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Resource name, as models/{id}/baselines/{id}."""
        return f"{self.model}/baselines/{self.id}"

    @property
    def sizes(self) -> list[int]:
        """Columns of each feature's tally."""
        return [feature.frame.size for feature in self.features]


def measure_columns(
    numeric: NumericColumns,
    categorical: CategoricalColumns,
    importance: Mapping[str, float],
    declared: Sequence[str] = (),
    roles: Mapping[str, Role] = MappingProxyType({}),
) -> tuple[int, tuple[Feature, ...]]:
    """Rows and features of columns given as values; NaN and None are missing. `declared` are the names that
    the model's signature has, empty where it has none; those of `roles` are outputs, and not in it.

    Raises InvalidArgument with every wrong field: no columns, a name twice, empty or not declared, unequal
    lengths, nothing finite, an importance that is negative or of no column.
    """
    expected = [*declared, *roles] if declared else []
    rows = _check(numeric, categorical, importance, expected)
    features = [
        *map(_numeric, numeric, numeric.values()),
        *map(_categorical, categorical, categorical.values()),
    ]
    weighted = [
        Feature(name, frame, tally, importance.get(name, 1.0), roles.get(name, Role.FEATURE), "given as such")
        for name, frame, tally in sorted(features, key=lambda feature: feature[0])
    ]
    return rows, tuple(weighted)


def _numeric(name: str, values: Sequence[float]) -> tuple[str, Frame, Tally]:
    grid = freeze(values)
    return name, grid, grid.count(values)


def _categorical(name: str, values: Sequence[str | None]) -> tuple[str, Frame, Tally]:
    vocabulary = learn(values)
    return name, vocabulary, vocabulary.count(values)


def _check(
    numeric: NumericColumns,
    categorical: CategoricalColumns,
    importance: Mapping[str, float],
    declared: Sequence[str],
) -> int:
    columns: dict[str, Sequence[object]] = {**numeric, **categorical}
    wrong = [
        *_wrong_names(columns, categorical, declared),
        *_wrong_shapes(numeric, categorical),
        *_wrong_values(numeric, categorical),
    ]
    for name, weight in importance.items():
        if name not in columns:
            wrong.append(_field(f"importance[{name!r}]", f"is no column; the columns are {_some(columns)}"))
        elif not (isfinite(weight) and weight >= 0):
            wrong.append(_field(f"importance[{name!r}]", f"must be a number from 0 up, got {weight}"))
    if wrong:
        first = wrong[0]
        raise InvalidArgument(f"cannot make a baseline: {first.field} {first.description}", fields=wrong)
    return len(next(iter(columns.values())))


def _wrong_shapes(numeric: NumericColumns, categorical: CategoricalColumns) -> list[FieldViolation]:
    columns: dict[str, Sequence[object]] = {**numeric, **categorical}
    if not columns:
        return [_field("columns", "is empty; give at least one numeric or categorical column")]
    if len(columns) > MAX_FEATURES:
        return [_field("columns", f"has {len(columns)} columns; at most {MAX_FEATURES} are profiled")]
    twice = [
        _field(_path(name, categorical), "is a numeric column as well; give it once")
        for name in numeric.keys() & categorical.keys()
    ]
    first, values = next(iter(columns.items()))
    return twice + [
        _field(_path(name, categorical), f"has {len(column)} rows where {first!r} has {len(values)}")
        for name, column in columns.items()
        if len(column) != len(values)
    ]


def _wrong_names(
    columns: Mapping[str, object], categorical: CategoricalColumns, declared: Sequence[str]
) -> list[FieldViolation]:
    # A column that no row carries would be missing from all of them, and called drifting for it.
    strange = f"is no column of the model's signature, which has {_some(dict.fromkeys(declared))}"
    return [
        _field(_path(name, categorical), strange if name else "has no name")
        for name in columns
        if not name or (declared and name not in declared)
    ]


def _wrong_values(numeric: NumericColumns, categorical: CategoricalColumns) -> list[FieldViolation]:
    nothing_finite = [name for name, values in numeric.items() if not any(map(isfinite, values))]
    nothing_named = [name for name, values in categorical.items() if not any(values)]
    return [
        *(_field(_path(name, ()), "has no finite value; it needs at least one") for name in nothing_finite),
        *(_field(_path(name, nothing_named), "has no value that is not empty") for name in nothing_named),
    ]


def _path(name: str, categorical: object) -> str:
    kind = "categorical" if name in categorical else "numeric"  # type: ignore[operator]
    return f"columns.{kind}[{name!r}]"


def _field(path: str, description: str) -> FieldViolation:
    return FieldViolation(path, description)


def _some(names: Mapping[str, object]) -> str:
    shown = sorted(names)[:5]
    return ", ".join(shown) + (", …" if len(names) > len(shown) else "")
