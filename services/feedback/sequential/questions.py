"""The question that a test asks of a pair of arms."""

from dataclasses import dataclass
from typing import ClassVar

from services.feedback.sequential import PROCESSES, layout
from services.feedback.sequential.seen import Floats


@dataclass(frozen=True, slots=True)
class Test:
    """H0: treatment − baseline ≤ margin, in units of a value in [0, 1] of which more is better.

    kind: "binary" (values 0 or 1, margin 0), "mean" (values in [0, 1], any margin), "differs" (values 0 or
    1, margin 0; H0: the arms are alike) or "level" (values in [0, 1]; H0: treatment ≤ margin, whatever the
    baseline does). Raises ValueError where kind and margin do not fit.
    """

    __test__: ClassVar[bool] = False  # pytest would take the class for a test of its own

    kind: str
    margin: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in PROCESSES:
            raise ValueError(f"kind must be one of {', '.join(PROCESSES)}, not {self.kind!r}")
        if not -1.0 < self.margin < 1.0:
            raise ValueError(f"margin must lie between -1 and 1, as values lie in [0, 1], not {self.margin}")
        if self.kind == "level" and self.margin < 0.0:
            raise ValueError(f"margin is the level itself for kind 'level', from 0, not {self.margin}")
        if PROCESSES[self.kind].WHOLE and self.margin != 0.0:
            raise ValueError(
                f"margin must be 0 for kind {self.kind!r}, not {self.margin}; kind 'mean' takes one"
            )

    @property
    def bets(self) -> int:
        """Among how many bets the capital is divided."""
        return len(PROCESSES[self.kind].BETS)


def checked(test: Test, state: Floats) -> Floats:
    """The state of one such test; raises ValueError for a state of another shape."""
    if state.shape != (layout.BETS + test.bets,):
        wanted = layout.BETS + test.bets
        raise ValueError(f"state must have {wanted} entries for kind {test.kind!r}, not shape {state.shape}")
    return state
