"""What a model's traffic is counted on: baselines that it is compared with, and such as are to be."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.drift.baselines import Baseline, Segment

# Each row is folded once more for it, and its profiles take as much of Redis as those of the active one.
MOST_BESIDE = 1


@dataclass(frozen=True, slots=True)
class Active:
    """Which baseline is meant. The uid tells a baseline from a later one of the same id."""

    id: str
    uid: str


Actives = Mapping[Segment | None, Active]
"""By segment, None for all of a model's traffic."""


class Counted(NamedTuple):
    """The baselines of a model that its traffic is counted on. beside: such as are not active, and have their
    profiles on the day when they are made so."""

    actives: Actives
    beside: Actives

    def all(self) -> list[Active]:
        """Each of them, once."""
        # A version that does not know of those beside may have made one of them active, and left it there.
        return list(dict.fromkeys([*self.actives.values(), *self.beside.values()]))

    def is_active(self, baseline: Baseline) -> bool:
        """Whether the model is compared with it."""
        return _holds(self.actives, baseline)

    def is_beside(self, baseline: Baseline) -> bool:
        """Whether it is counted without being active."""
        return _holds(self.beside, baseline)


NOTHING = Counted({}, {})


def place_of(segment: Segment | None, *, beside: bool = False) -> str:
    """Where a baseline of a segment is written down, as one line: JSON escapes whatever would end it."""
    if not beside:
        return json.dumps(segment) if segment else ""
    # Two names: a version that knows of segments only takes it for one that no prediction has.
    return json.dumps({"beside": True, "of": segment})


def named(baseline: Baseline) -> str:
    """How a baseline is written down."""
    return f"{baseline.id} {baseline.uid}"


def read_counted(stored: str) -> Counted:
    """What is written down of a model."""
    whole, *rest = stored.split("\n")
    actives: dict[Segment | None, Active] = {None: Active(*whole.split(" "))} if whole else {}
    beside: dict[Segment | None, Active] = {}
    for line in rest:
        own, uid, place = line.split(" ", 2)
        told = json.loads(place)
        if isinstance(told, dict):
            beside[Segment(*told["of"]) if told["of"] else None] = Active(own, uid)
        else:
            actives[Segment(*told)] = Active(own, uid)
    return Counted(actives, beside)


def _holds(those: Actives, baseline: Baseline) -> bool:
    found = those.get(baseline.segment)
    return found is not None and found.uid == baseline.uid
