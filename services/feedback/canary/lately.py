"""What came of the latest draws, from counts that only grow: what they were some minutes ago is taken off."""

from collections import deque
from collections.abc import Collection, Mapping
from typing import NamedTuple

from services.feedback.canary.findings import Recent
from services.feedback.canary.plan import Canary
from services.state.pulls import Pulls

WINDOW_SECONDS = 120.0
MARK_SECONDS = 5.0
NONE = Pulls()


class Mark(NamedTuple):
    """The counts of canary and baseline at a time, in a trial."""

    time: float
    trial: int
    canary: Pulls
    baseline: Pulls


class Lately:
    """Remembers marks of each router that it is asked about, one in MARK_SECONDS. It begins with the first
    look at a trial: what came before it says nothing, or of another trial."""

    def __init__(self) -> None:
        self._marks: dict[str, deque[Mark]] = {}

    def of(self, uid: str, plan: Canary, pulls: Mapping[str, Pulls], now: float) -> Recent:
        """Draws of the last WINDOW_SECONDS. `now` in seconds."""
        here = Mark(now, plan.trial.number, pulls.get(plan.canary, NONE), pulls.get(plan.baseline, NONE))
        marks = self._marks.setdefault(uid, deque())
        if marks and (marks[-1].trial != here.trial or _shrunk(marks[-1], here)):
            marks.clear()
        if not marks or now - marks[-1].time >= MARK_SECONDS:
            marks.append(here)
        while len(marks) > 1 and now - marks[1].time >= WINDOW_SECONDS:
            marks.popleft()
        then = marks[0]
        return Recent(
            here.canary.drawn - then.canary.drawn,
            here.canary.failed - then.canary.failed,
            here.baseline.drawn - then.baseline.drawn,
            here.baseline.failed - then.baseline.failed,
        )

    def keep(self, uids: Collection[str]) -> None:
        """Let go of all routers but these."""
        self._marks = {uid: marks for uid, marks in self._marks.items() if uid in uids}

    def forget(self, uid: str) -> None:
        """Let go of a router."""
        self._marks.pop(uid, None)


def _shrunk(before: Mark, after: Mark) -> bool:
    """Whether rewards were reset: counts began anew."""
    return after.canary.drawn < before.canary.drawn or after.baseline.drawn < before.baseline.drawn
