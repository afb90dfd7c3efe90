"""What a bucket of qualities says: its fields by place and measure, and what they come to."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from services.state import formats
from services.state.confusion import Confusion
from services.state.magnitudes import summed

HIT, FALSE, MISSED = "h", "f", "m"
SCORED, LOSS = "scored", "l"
NUMBERS, ABSOLUTE, SQUARED = "numbers", "a", "q"
# Of models only: rows with a truth, signed errors, and what intervals are made of (sums of squares).
TOLD, SIGNED, FOURTH = "told", "e", "qq"
SQUARED_LOSS, BRIER, SQUARED_BRIER = "ll", "b", "bb"
LOST_LABELS, LOST_SUMS = "lost:labels", "lost:sums"
VERSION = b"version"


class Place(NamedTuple):
    """What is counted together; segment is name=value, or empty for what counts each row once. Of a model,
    `policy` is the uid of the router that asked it, empty for what was logged from outside."""

    variant: str
    policy: str
    segment: str = ""

    @property
    def field(self) -> str:
        """How fields of it begin."""
        return json.dumps(self, ensure_ascii=False, separators=(",", ":"))


@dataclass(slots=True)
class Sums:
    """Counts of some rows, by the names of measures."""

    counts: Counter[str] = field(default_factory=Counter)

    @property
    def confusion(self) -> Confusion:
        """The labels."""
        found = Confusion(Counter(), Counter(), Counter())
        kinds = {HIT: found.hits, FALSE: found.false, MISSED: found.missed}
        for name, rows in self.counts.items():
            kind, colon, label = name.partition(":")
            if colon and kind in kinds and rows > 0:
                kinds[kind][label] += rows
        return found

    def mean(self, name: str, of: str) -> float | None:
        """Of the numbers `name`, as many as the count `of` says; None if there are none."""
        there = self.counts[of]
        parts = (key.partition(":") for key in self.counts)
        places = {int(place): self.counts[f"{name}:{place}"] for kind, _, place in parts if kind == name}
        return summed(places) / there if there else None


@dataclass(frozen=True, slots=True)
class Counted:
    """Sums by place; lost: what found no room in the bucket, LOST_LABELS or LOST_SUMS; version: rises with
    each change."""

    sums: Mapping[Place, Sums]
    lost: frozenset[str]
    version: int = 0


def counted(fields: Mapping[bytes, bytes]) -> Counted:
    """What a hash says. Raises NewerFormat."""
    formats.check("count of qualities", int(fields.get(b"format", 0)), formats.QUALITIES)
    lost = frozenset(name for name in (LOST_LABELS, LOST_SUMS) if name.encode() in fields)
    sums = defaultdict[Place, Sums](Sums)
    for name, number in fields.items():
        if name.startswith(b"["):
            place, measure = _field(name)
            # Each field is there once.
            sums[place].counts[measure] = int(number)
    return Counted(sums, lost, int(fields.get(VERSION, 0)))


# The same places and measures are in bucket after bucket.
@lru_cache(20_000)
def _field(name: bytes) -> tuple[Place, str]:
    text = name.decode()
    place, end = json.JSONDecoder().raw_decode(text)
    return Place(*place), text[end:]
