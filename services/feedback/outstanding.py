"""Draws whose reward is still to come: those of late that were not rewarded.

Where only some predictions ever get a reward, draws less rewards would grow for ever; so a draw is waited for
as long as its router says (`reward_delay`), by the counts of draws that were looked at before.
"""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from services.state.arm_states import ArmTotals
from services.state.pulls import Pulls

# Looks that are kept within a delay: what is waited for may be a fifth older than it says.
LOOKS = 5


@dataclass
class Outstanding:
    """Remembers looks, by router uid: when, in seconds, and how often each arm had been drawn."""

    _looks: dict[str, deque[tuple[float, Mapping[str, int]]]] = field(default_factory=dict)

    def keep(self, uids: Collection[str]) -> None:
        """Forget all routers but these."""
        self._looks = {uid: looks for uid, looks in self._looks.items() if uid in uids}

    def of(
        self, uid: str, delay: float, pulls: Mapping[str, Pulls], lives: Mapping[str, ArmTotals], now: float
    ) -> dict[str, float]:
        """How many draws of each arm are waited for."""
        drawn = {arm: each.drawn for arm, each in pulls.items()}
        looks = self._looks.setdefault(uid, deque())
        if not looks or now - looks[-1][0] >= delay / LOOKS:
            looks.append((now, drawn))
        while len(looks) > 1 and looks[1][0] <= now - delay:
            looks.popleft()
        before = looks[0][1]
        return {
            arm: float(
                max(0, min(count - lives[arm].n if arm in lives else count, count - before.get(arm, 0)))
            )
            for arm, count in drawn.items()
        }
