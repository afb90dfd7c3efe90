"""Which columns of a file become features, and which are left out, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.drift.baselines import MAX_FEATURES, Role
from services.drift.errors import BaselineFile
from services.drift.uploading.wishes import Kind, Wishes
from services.foundation.errors import FieldViolation

# Of names in a message: enough to see what kind of file it is.
MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Chosen:
    """A column of the file that becomes a feature or an output; kind: None where its values are to tell.
    `demanded`: the header names it, so that it is not left out for what it looks like."""

    column: str
    name: str
    role: Role
    kind: Kind | None
    reason: str
    demanded: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column of the file that nothing is made of."""

    column: str
    reason: str


def choose(columns: Sequence[str], wishes: Wishes) -> tuple[list[Chosen], list[LeftOut]]:
    """What becomes of the columns of a file. Raises BaselineFile with every name of the header that is no
    column, for columns that are no features of the model, and for too many or none."""
    names = {wishes.named(column): column for column in columns}
    wrong = [*_unknown(names, columns, wishes), *_twice(columns, wishes), *_undeclared(wishes)]
    if wrong:
        raise BaselineFile(f"{wrong[0].field}: {wrong[0].description}", fields=wrong)
    chosen, left = list[Chosen](), list[LeftOut]()
    for name, column in names.items():
        if reason := _needless(name, wishes):
            left.append(LeftOut(column, reason))
        else:
            chosen.append(_chosen(column, name, wishes))
    _check_number(chosen, columns, wishes)
    return chosen, left


def _chosen(column: str, name: str, wishes: Wishes) -> Chosen:
    role = wishes.roles.get(name, Role.FEATURE)
    kind, reason = _told(name, role, wishes)
    demanded = name in wishes.features or role is not Role.FEATURE or name in wishes.kinds
    return Chosen(column, name, role, kind, reason, demanded)


def _told(name: str, role: Role, wishes: Wishes) -> tuple[Kind | None, str]:
    if role is Role.PREDICTION:
        return Kind.CATEGORICAL, "it is what the model answered"
    if role is Role.SCORE:
        return Kind.NUMERIC, "it is the score of the model's answers"
    if name in wishes.kinds:
        return wishes.kinds[name], "kinds says so"
    if declared := wishes.declared.get(name):
        return declared, "the model's signature says so"
    return None, ""


def _needless(name: str, wishes: Wishes) -> str:
    """Why a column is no feature, empty where it is one."""
    if name in wishes.roles or name in wishes.features:
        return ""
    if wishes.features:
        return "it is not among features"
    if wishes.declared:
        return "" if name in wishes.declared else "the model's signature does not have it"
    if name == wishes.weight:
        return "it is the weight"
    return "it is a segment" if name in wishes.segments else ""


def _unknown(names: Mapping[str, str], columns: Sequence[str], wishes: Wishes) -> Iterator[FieldViolation]:
    asked = {
        "features": wishes.features,
        "prediction_column": [wishes.prediction],
        "score_column": [wishes.score],
        "weight_column": [wishes.weight],
        "segments": wishes.segments,
        "kinds": wishes.kinds,
        "importance": wishes.importance,
    }
    for field, given in asked.items():
        for name in given:
            if name and name not in names:
                yield _violation(field, f"{name!r} is no column of the file, which has {shown(names)}")
    for column in wishes.column_map:
        if column not in columns:
            yield _violation("column_map", f"{column!r} is no column of the file, which has {shown(columns)}")


def _twice(columns: Sequence[str], wishes: Wishes) -> Iterator[FieldViolation]:
    taken = dict[str, str]()
    for column in columns:
        name = wishes.named(column)
        if name in taken:
            yield _violation("column_map", f"{taken[name]!r} and {column!r} would both be {name!r}")
        taken[name] = column


def _undeclared(wishes: Wishes) -> Iterator[FieldViolation]:
    for name in wishes.features:
        # A column that no row carries would be missing from all of them, and called drifting for it.
        if wishes.declared and name not in wishes.declared:
            said = f"{name!r} is no feature of the model's signature, which has {shown(wishes.declared)}"
            yield _violation("features", said)


def _check_number(chosen: Sequence[Chosen], columns: Sequence[str], wishes: Wishes) -> None:
    if len(chosen) > MAX_FEATURES:
        said = f"the file has {len(chosen)} columns to profile, and at most {MAX_FEATURES} are: name some"
        raise BaselineFile(f"features: {said}", fields=[_violation("features", said)])
    if not chosen and wishes.declared:
        said = (
            f"{shown(columns)}; the model's signature has {shown(wishes.declared)}: name them in column_map"
        )
        raise BaselineFile(f"no column of the file is a feature of the model: the file has {said}")
    if not chosen:
        raise BaselineFile(f"no column of the file is left to profile; it has {shown(columns) or 'none'}")


def shown(names: Sequence[str] | Mapping[str, object]) -> str:
    """The first of some names, in words."""
    some = [name[:64] for name in list(names)[:MOST_SHOWN]]
    return ", ".join(some) + (f", … ({len(names)} in all)" if len(names) > MOST_SHOWN else "")


def _violation(field: str, description: str) -> FieldViolation:
    return FieldViolation(f"header.{field}", description)
