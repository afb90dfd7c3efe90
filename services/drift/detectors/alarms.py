"""What detectors are told and what they tell."""

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Settings:
    """How a detector watches.

    usual: the mean loss that is no alarm, 0 to 1 exclusive; of detectors that are given one. rows: how many
    rows without a change shall pass between two alarms, on average; at least 100.
    Raises ValueError for what lies outside.
    """

    usual: float = 0.5
    rows: float = 1_000_000.0

    def __post_init__(self) -> None:
        if not 0 < self.usual < 1:
            raise ValueError(f"usual must lie between 0 and 1, exclusive; got {self.usual}")
        if not self.rows >= 100:
            raise ValueError(f"rows must be at least 100; got {self.rows}")


class Folded(NamedTuple):
    """The state after some values, and the index among them of each that raised an alarm."""

    state: Any
    alarms: list[int]


class Level(NamedTuple):
    """What a detector weighs, and the threshold at which it raises an alarm; None where there is no one."""

    statistic: float
    threshold: float | None


def checked(value: float) -> float:
    """A loss. Raises ValueError for one outside [0, 1], NaN included."""
    if not 0 <= value <= 1:
        raise ValueError(f"a loss lies between 0 and 1; got {value}")
    return value
