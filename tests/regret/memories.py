"""What learners remember, run by run side by side: the sums that the store keeps, and the windows that
learners who care for order fold. Sums are whole millionths, as in the store."""

from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from services.feedback import changes
from services.feedback.policies.earned import UNITS, Earned
from services.feedback.windows import WindowSum, discounted, newest_overall
from services.state.rewards import WINDOW

Ints = NDArray[np.intp]


class Memory(Protocol):
    def take(self, run: Ints, arm: Ints, place: Ints, units: Ints, /) -> None:
        """Rewards that have arrived: of those runs, for those arms, of predictions at those steps."""

    def earned(self) -> Earned:
        """What policies are shown, [run, arm]; nothing is pending."""


class Sums:
    """Life, and the last `window` of each arm."""

    def __init__(self, runs: int, arms: int, window: int) -> None:
        self.life = np.zeros((3, runs, arms), np.int64)
        self.kept = np.zeros((2, runs, arms), np.int64)
        self._last = np.zeros((runs, arms, window), np.int64)

    def take(self, run: Ints, arm: Ints, _place: Ints, units: Ints) -> None:
        squares = (units * units + UNITS // 2) // UNITS
        slot = self.life[0, run, arm] % self._last.shape[-1]
        full = self.life[0, run, arm] >= self._last.shape[-1]
        self.kept[0, run, arm] += ~full
        self.kept[1, run, arm] += units - self._last[run, arm, slot]
        self._last[run, arm, slot] = units
        for at, each in enumerate((np.ones_like(units), units, squares)):
            self.life[at, run, arm] += each

    def earned(self) -> Earned:
        life, kept = self.life.astype(float), self.kept.astype(float)
        return Earned(kept[0], kept[1], life[0], life[1], life[2], np.zeros_like(life[0]))


class Windows(ABC):
    """Windows of each run, as the store packs them, folded anew at every look."""

    def __init__(self, runs: int, arms: int, window: int) -> None:
        self.window, self._names = window, [f"arm-{number:02}" for number in range(arms)]
        self._entries = np.zeros((runs, arms, 16), WINDOW)
        self._counts = np.zeros((runs, arms), int)
        self._sums = Sums(runs, arms, 1)
        self._folded = np.zeros((2, runs, arms))
        self._stale = np.ones(runs, bool)

    def take(self, run: Ints, arm: Ints, place: Ints, units: Ints) -> None:
        self._sums.take(run, arm, place, units)
        for one, of, at, value in zip(run, arm, place, units, strict=True):
            count = self._counts[one, of]
            if count == self._entries.shape[-1]:
                self._entries = np.concatenate([self._entries, np.zeros_like(self._entries)], axis=-1)
            self._entries[one, of, count] = (at + 1, 0, 0, value)
            self._counts[one, of] += 1
            self._stale[one] = True

    def earned(self) -> Earned:
        for run in map(int, np.flatnonzero(self._stale)):
            found = self.fold(run, {name: self._of(run, arm) for arm, name in enumerate(self._names)})
            self._folded[:, run] = np.array([found[name] for name in self._names]).T
        self._stale[:] = False
        life, folded = self._sums.life.astype(float), self._folded
        return Earned(folded[0], folded[1], life[0], life[1], life[2], np.zeros_like(life[0]))

    @abstractmethod
    def fold(self, _run: int, windows: dict[str, NDArray[Any]]) -> dict[str, WindowSum]:
        """What the windows of one run say of each arm."""

    def _of(self, run: int, arm: int) -> NDArray[Any]:
        count: int = self._counts[run, arm]
        return self._entries[run, arm, max(count - self.window, 0) : count]


class Overall(Windows):
    """The last rewards of all arms together."""

    def fold(self, _run: int, windows: dict[str, NDArray[Any]]) -> dict[str, WindowSum]:
        return newest_overall(windows, self.window)


class Discounted(Windows):
    """The same, where older ones count less."""

    discount = 0.999

    def fold(self, _run: int, windows: dict[str, NDArray[Any]]) -> dict[str, WindowSum]:
        return discounted(windows, self.window, self.discount)


class SinceChange(Windows):
    """What came since the last alarm; the marks are what snapshots carry on."""

    def __init__(self, runs: int, arms: int, window: int) -> None:
        super().__init__(runs, arms, window)
        self.marks = [changes.Restart()] * runs

    def fold(self, _run: int, windows: dict[str, NDArray[Any]]) -> dict[str, WindowSum]:
        self.marks[_run], left = changes.restarted(windows, self.marks[_run])
        return {arm: WindowSum(len(kept), int(kept["units"].sum())) for arm, kept in left.items()}
