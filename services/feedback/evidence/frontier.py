"""How far the streams of a partition are read: what was made before has been seen, if it came in time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.feedback.evidence.noting import Noting
from services.state.fenced import Fence
from services.state.group import Group
from services.state.positions import time_at

# How long a truth may lie in its stream unread before its prediction counts as one without.
GRACE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Frontier:
    """Tells it. `now` is in seconds since 1970. Raises StateUnavailable."""

    noting: Noting
    event_group: Group[Any]
    truth_group: Group[Any]
    now: Callable[[], float]

    async def events(self, partition: int, fence: Fence) -> float:
        """Time up to which all events that were appended are noted, in seconds since 1970; 0 where that is
        not known."""
        now = self.now()
        if not await self.event_group.lag_at(partition):
            return now
        token, last = self.noting.through.get(partition, ("", ""))
        return min(time_at(last), now) if token == fence.token else 0.0

    async def truths(self, partition: int, since: float) -> bool:
        """Whether no truth lies unread that could speak of what was missed at `since`."""
        return self.now() > since + GRACE_SECONDS or not await self.truth_group.lag_at(partition)
