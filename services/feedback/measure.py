"""A metric as arms are credited in it: its range makes every value a share of it, in whole millionths."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from services.feedback.deriving.seen import Seen, Value
from services.state.claims import Repeats
from services.state.earned import Scale

UNITS = 1_000_000

# From a row's record and its truth (None where that is not known) to a value; None where there is none.
Derive: TypeAlias = Callable[[Seen, Value], float | None]


class OutsideRange(ValueError):
    """A value that the measure cannot have."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric with its range.

    from_truth: ground truth yields its values; from_record: the record of a prediction does, without any
    feedback; derive: how. repeats: what a second report on the same row does.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    minimize: bool = False
    from_truth: bool = False
    from_record: bool = False
    derive: Derive | None = field(default=None, compare=False)
    repeats: Repeats = "REPLACE"

    @property
    def key(self) -> str:
        """What its sums are kept under. Shares of different ranges do not add up, so a new range starts anew.

        >>> Measure("accuracy").key, Measure("revenue", -5, 250).key
        ('accuracy', 'revenue@-5..250')
        """
        return Scale(self.name, self.low, self.high).key

    @property
    def worst(self) -> float:
        """The end of the range that nobody wants."""
        return self.high if self.minimize else self.low

    @property
    def zero(self) -> int:
        """The millionths that stand for the value 0, which lies outside of 0 to 1,000,000 where the range
        does not hold it."""
        return round(-self.low / (self.high - self.low) * UNITS)

    def derived(self, seen: Seen, truth: Value = None) -> int | None:
        """What a record, or its truth, comes to in millionths: beyond an end of the range it counts as that
        end. None where it comes to nothing."""
        value = self.derive(seen, truth) if self.derive else None
        return (
            None if value is None or math.isnan(value) else self.units(min(max(value, self.low), self.high))
        )

    def units(self, value: float) -> int:
        """`value` as millionths of the range, rounded. Raises `OutsideRange`, also for NaN.

        >>> Measure("revenue", 0, 200).units(50)
        250000
        """
        if not (math.isfinite(value) and self.low <= value <= self.high):
            low, high, got = (_exact(number) for number in (self.low, self.high, value))
            raise OutsideRange(f"{self.name} is within {low} and {high}; got {got}")
        return round((value - self.low) / (self.high - self.low) * UNITS)

    def value(self, units: float) -> float:
        """Millionths of the range as a value.

        >>> Measure("revenue", 0, 200).value(250_000)
        50.0
        """
        return self.low + units / UNITS * (self.high - self.low)

    def merit(self, units: float) -> float:
        """Millionths of the range as a number in [0, 1] of which more is always better."""
        return 1 - units / UNITS if self.minimize else units / UNITS


def _exact(value: float) -> str:
    """All digits, so that what lies just outside looks so.

    >>> _exact(1.0000001), _exact(2.0)
    ('1.0000001', '2')
    """
    return repr(float(value)).removesuffix(".0")
