"""What is read of a file: its columns with their kinds, decided once and for all of its rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.drift.uploading.blocks import Asked
from services.drift.uploading.choosing import Chosen, LeftOut, choose
from services.drift.uploading.gathering import Wanted
from services.drift.uploading.kinds import MISSING_NUMBERS, Look, look
from services.drift.uploading.wishes import Kind, Wishes

Looks = Callable[[str], Look]
"""What a column of the file looks like, by its name in the file."""


@dataclass(frozen=True, slots=True)
class Schema:
    """asked: what to read, by column; wanted: what to count, by name; segments: columns of the file, by name;
    weight: column of the file, or empty; demanded: names that the header insists on."""

    asked: tuple[Asked, ...]
    wanted: tuple[Wanted, ...]
    left: tuple[LeftOut, ...]
    segments: Mapping[str, str]
    weight: str
    demanded: frozenset[str]

    @property
    def reads(self) -> list[str]:
        """Columns of the file that are needed."""
        others = [*self.segments.values(), *([self.weight] if self.weight else [])]
        return list(dict.fromkeys([*(one.column for one in self.asked), *others]))


def decide(columns: Sequence[str], looks: Looks, wishes: Wishes) -> Schema:
    """The schema of a file. Raises BaselineFile where the header and the columns do not go together."""
    chosen, left = choose(columns, wishes)
    asked, wanted = list[Asked](), list[Wanted]()
    for one in chosen:
        kind, reason, words = _kind(one, looks)
        if kind is None:
            left.append(LeftOut(one.column, reason))
            continue
        asked.append(Asked(one.column, one.name, kind, _missing(kind, words, wishes)))
        wanted.append(Wanted(one.name, kind, one.role, wishes.importance.get(one.name, 1.0), reason))
    by_name = {wishes.named(column): column for column in columns}
    return Schema(
        tuple(asked),
        tuple(wanted),
        tuple(left),
        {name: by_name[name] for name in wishes.segments},
        by_name.get(wishes.weight, ""),
        frozenset(one.name for one in chosen if one.demanded),
    )


def looks_of(rows: Sequence[Mapping[str, Any]], wishes: Wishes) -> Looks:
    """By the first rows of a text file."""
    return lambda column: look([row.get(column) for row in rows], wishes.missing_words)


def _kind(one: Chosen, looks: Looks) -> tuple[Kind | None, str, frozenset[str]]:
    if one.kind is not None:
        return one.kind, one.reason, frozenset()
    seen = looks(one.column)
    if seen.kind is None and one.demanded:
        # Somebody wants it all the same: as names, of which those that are none are refused row by row.
        return Kind.CATEGORICAL, seen.reason, frozenset()
    return seen.kind, seen.reason, seen.words


def _missing(kind: Kind, words: frozenset[str], wishes: Wishes) -> frozenset[str]:
    if wishes.missing_words is not None:
        return wishes.missing_words | words
    return MISSING_NUMBERS | words if kind is Kind.NUMERIC else frozenset()
