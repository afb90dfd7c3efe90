"""Structures, merged field by field.

At each place those members vote that have an object there. First on what is there at all: an object, or
something else. An object's fields are then those that outweigh their absence among the members with that
object, a member without the field counting against it and having no say in its value. Any other value,
an array too, is voted on whole. Every one of these votes is a `plurality`, with its rule for ties.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from services.aggregator.answers import Flags, Floats
from services.aggregator.canonical import Json, key_of
from services.aggregator.combiners.plurality import plurality, sameness
from services.aggregator.errors import TooManyFields
from services.aggregator.tolerance import Tolerance

# Each is a vote of some 100 microseconds where members differ, during which nobody else is served.
MOST_FIELDS = 1000
LIMIT = f"structures of at most {MOST_FIELDS} fields are voted on field by field"

Member = tuple[Json, float, float]


@dataclass(slots=True)
class Merge:
    """One pass over a panel's structures. `ties` are the paths (RFC 6901) of votes that were level; `least`
    is the smallest share of its voters that any winner had."""

    tolerance: Tolerance
    ties: list[str] = field(default_factory=list)
    least: float = 1.0
    votes: int = 0

    def merge(self, voters: Sequence[Member], path: str = "") -> Json:
        """One value out of those of `voters`, (value, weight, confidence) each, in declared order."""
        objects = [isinstance(value, dict) for value, _, _ in voters]
        if any(objects) and not all(objects):
            winner = self._vote(*_equal(objects), voters, path)
            voters = [
                voter
                for voter, is_object in zip(voters, objects, strict=True)
                if is_object is objects[winner]
            ]
        if isinstance(voters[0][0], dict):
            return self._merge_objects(voters, path)
        values = [value for value, _, _ in voters]
        if len({key_of(value) for value in values}) == 1:
            self._count()
            return values[0]
        return values[self._vote(*sameness(values, self.tolerance), voters, path)]

    def _merge_objects(self, voters: Sequence[Member], path: str) -> Json:
        merged: dict[str, Json] = {}
        for name in sorted({name for value, _, _ in voters if isinstance(value, dict) for name in value}):
            place = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
            there = [isinstance(value, dict) and name in value for value, _, _ in voters]
            if not all(there) and not there[self._vote(*_equal(there), voters, place)]:
                continue
            having = [
                (value[name], weight, confidence)
                for value, weight, confidence in voters
                if isinstance(value, dict) and name in value
            ]
            merged[name] = self.merge(having, place)
        return merged

    def _count(self) -> None:
        self.votes += 1
        if self.votes > MOST_FIELDS:
            raise TooManyFields(f"{LIMIT}; vote on the whole")

    def _vote(self, same: Flags, apart: Floats, voters: Sequence[Member], path: str) -> int:
        self._count()
        weights = np.array([weight for _, weight, _ in voters])
        weights = weights / weights.sum()
        winner, tied = plurality(same, apart, weights, np.array([confidence for _, _, confidence in voters]))
        if tied:
            self.ties.append(path or "/")
        self.least = min(self.least, float(same[winner] @ weights))
        return winner


def most_votes(values: Sequence[Json]) -> int:
    """How many votes a merge of these takes at most, whoever wins them.

    >>> most_votes([{"a": 1, "b": 2}, {"a": 3}]), most_votes([{"a": 1}]), most_votes(["a", "b"])
    (3, 1, 1)
    """
    objects = [value for value in values if isinstance(value, dict)]
    votes = 0
    for name in set[str]().union(*objects):
        having = [value[name] for value in objects if name in value]
        votes += most_votes(having) + (len(having) < len(objects))
    return votes if len(objects) == len(values) else 1 + max(votes, 1) if objects else 1


def _equal(flags: Sequence[bool]) -> tuple[Flags, Floats]:
    given = np.array(flags)
    return given[:, None] == given[None], np.zeros((len(given), len(given)))
