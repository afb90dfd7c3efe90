"""What is read of the arms of a learner."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.state import formats


@dataclass(frozen=True, slots=True)
class ArmTotals:
    """Of one arm: rewards, their sum and sum of squares over its life, and in its window; in millionths."""

    n: int = 0
    sum: int = 0
    squares: int = 0
    window_n: int = 0
    window_sum: int = 0


@dataclass(frozen=True, slots=True)
class ArmStates:
    """Every arm of a learner. The version counts the distinct reports that were seen, and resets; `resets`
    these alone."""

    version: int = 0
    resets: int = 0
    arms: Mapping[str, ArmTotals] = field(default_factory=dict)


def states_of(fields: Mapping[bytes, bytes]) -> ArmStates:
    """The states of a stored hash. Raises NewerFormat."""
    # Where a reset begins is a place, and no number.
    stored = {key.decode(): int(value) for key, value in fields.items() if key != b"since"}
    formats.check("reward state", stored.get("format", 0), formats.ARMS)
    arms = sorted(key.removeprefix("n:") for key in stored if key.startswith("n:"))
    names = ("n", "sum", "squares", "window_n", "window_sum")
    totals = {arm: ArmTotals(*(stored[f"{name}:{arm}"] for name in names)) for arm in arms}
    return ArmStates(stored.get("version", 0), stored.get("resets", 0), totals)
