"""Rows of logged predictions, as columns to freeze cells at."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.drift.baselines import MAX_FEATURES, Feature, Role
from services.drift.rows import Block, One, Row, Said
from services.drift.spelling import name_of, number_of
from services.drift.uploading.columns import Column, Names, Numbers
from services.drift.uploading.spill import Spill
from services.drift.uploading.wishes import Kind
from services.foundation.errors import InvalidArgument

PREDICTION, SCORE = "prediction", "score"
MOST_NAMES = 20_000


@dataclass(slots=True)
class Logged:
    """Values of the features that rows have, and of what the model answered. declared: the features of the
    model's signature with their kinds; empty for every name that comes. kinds: of those that are known, be it
    from the signature or from a baseline."""

    declared: Mapping[str, Kind | None]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    rows: int = 0
    _given: int = 0
    # Arrays, as a list takes four times as much.
    _numbers: dict[str, "array[float]"] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    _names: dict[str, Names] = field(default_factory=lambda: defaultdict(lambda: Names(MOST_NAMES)))
    _withheld: Counter[str] = field(default_factory=Counter)
    _labels: list[str] = field(default_factory=list)
    _scores: list[float] = field(default_factory=list)

    def add(self, rows: One) -> None:
        """Count the rows of one prediction. Raises InvalidArgument for more features than are profiled."""
        self.rows += rows.size
        if rows.said:
            self._answered(rows.said)
        if not rows.given:
            return
        self._given += rows.size
        if isinstance(rows, Block):
            for name, values in rows.numeric.items():
                self._count(name, values.tolist(), ())
            for name, texts in rows.texts.items():
                self._count(name, (), texts)
        else:
            self._record(rows)
        if len(self._numbers) + len(self._names) > 2 * MAX_FEATURES and not self.declared:
            said = f"has more than {MAX_FEATURES} features: give the model a signature with those of use"
            raise InvalidArgument(f"window {said}", fields=[("window", said)])

    def _record(self, row: Row) -> None:
        for name, number in row.numeric.items():
            self._count(name, (number,), ())
        for name, text in row.categorical.items():
            self._count(name, (), (text,))
        self._withheld.update(row.withheld)

    def _count(self, name: str, numbers: Sequence[float], texts: Sequence[str]) -> None:
        """Values as the feature's kind says, where it is known: as traffic is counted on a baseline."""
        kind = self.kinds.get(name)
        if kind is Kind.CATEGORICAL:
            texts, numbers = [*texts, *map(name_of, numbers)], ()
        elif kind is Kind.NUMERIC:
            read = (number_of(text) for text in texts)
            numbers, texts = [*numbers, *(number for number in read if number is not None)], ()
        if numbers:
            self._numbers[name].extend(numbers)
        if there := [text for text in texts if text]:
            self._names[name].add(there, np.ones(len(there), dtype=np.int64))

    def _answered(self, said: Said) -> None:
        self._labels += [label for label in said.labels if label]
        self._scores += [score for score in said.scores if score is not None]

    def features(
        self, importance: Mapping[str, float], roles: Mapping[Role, str]
    ) -> tuple[list[Feature], list[str]]:
        """The columns, by name in order, and sentences on what is not in them. roles: names of the model's
        outputs."""
        found, said = list[Feature](), list[str]()
        for name in sorted(self._numbers.keys() | self._names.keys()):
            if self.declared and name not in self.declared:
                continue
            if self._withheld[name]:
                said.append(f"Feature {name!r} was left out: the router's logging rule withholds it.")
            elif feature := self._feature(name, importance.get(name, 1.0), said):
                found.append(feature)
        found += self._outputs({feature.name for feature in found}, importance, roles)
        return sorted(found, key=lambda feature: feature.name), said

    def _feature(self, name: str, importance: float, said: list[str]) -> Feature | None:
        numbers, names = self._numbers.get(name, array("d")), self._names.get(name)
        texts = names.rows if names else 0
        kind = self.kinds.get(name)
        numeric = kind is Kind.NUMERIC if kind else len(numbers) >= texts
        if numbers and texts:
            said.append(
                f"Feature {name!r} came as a number in {len(numbers):,} rows and as a name in {texts:,}: it "
                f"is taken for a {'number' if numeric else 'name'}, and missing from the others."
            )
        column = _numbers(numbers, self._given) if numeric else _named(names, self._given)
        try:
            frame, tally = column.freeze()
        except ValueError:
            said.append(f"Feature {name!r} was left out: it has no value that counts.")
            return None
        return Feature(name, frame, tally, importance, Role.FEATURE, "logged as such")

    def _outputs(
        self, taken: set[str], importance: Mapping[str, float], roles: Mapping[Role, str]
    ) -> Iterator[Feature]:
        labels = Names(MOST_NAMES)
        labels.add(self._labels, np.ones(len(self._labels), dtype=np.int64))
        columns: dict[Role, tuple[str, Column]] = {
            Role.PREDICTION: (roles.get(Role.PREDICTION, PREDICTION), labels),
            Role.SCORE: (roles.get(Role.SCORE, SCORE), _numbers(self._scores, len(self._scores))),
        }
        for role, (name, column) in columns.items():
            # A feature of that name was there first.
            own = name if name not in taken else f"{name} of the model"
            try:
                frame, tally = column.freeze()
            except ValueError:
                continue
            yield Feature(own, frame, tally, importance.get(own, 1.0), role, "what the model answered")


def _numbers(values: Sequence[float], rows: int) -> Numbers:
    column = Numbers(Spill())
    absent = max(rows - len(values), 0)
    array = np.append(np.array(values, dtype=np.float64), np.zeros(absent))
    missing = np.arange(len(array)) >= len(values)
    column.add(array, missing, np.ones(len(array), dtype=np.int64))
    return column


def _named(names: Names | None, rows: int) -> Names:
    column = names or Names(MOST_NAMES)
    column.absent = max(rows - column.rows, 0)
    return column
