"""Replicas of the router as far as health goes: boards on connections of their own, and a clock that tests
move."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from services.foundation.metrics import Metrics
from services.router.health.board import HealthBoard
from services.router.health.probe import Probe
from services.router.health.rules import Rules
from services.router.health.sharing import Sharing
from services.state.connection import connect
from services.state.ejections import Ejections
from services.state.ejections_followed import EjectionFollower

MODEL, UID = "models/m", "018bcfe5-69f4-7000-8591-b7582265b1f5"
RULES = Rules(base_ejection=30.0, max_ejection=100.0, timeout=2.0)


@dataclass
class Clock:
    """Monotonic seconds, the same in every replica."""

    seconds: float = 1000.0

    def now(self) -> float:
        return self.seconds


@dataclass
class Replica:
    """One of them."""

    board: HealthBoard
    sharing: Sharing
    follower: EjectionFollower
    ejections: Ejections

    def fail(self, times: int = 5) -> None:
        for _ in range(times):
            self.board.note(MODEL, False, 0.01)

    @property
    def out(self) -> bool:
        return MODEL in self.board.out

    @property
    def until(self) -> float:
        return self.board.out[MODEL].standing.until

    @property
    def number(self) -> int:
        return self.board.out[MODEL].standing.number

    def take(self) -> Probe | None:
        """The probe, taken, if there is one to take."""
        probe = self.board.probe(MODEL)
        return probe if probe is not None and probe.take() else None


@asynccontextmanager
async def replicas(
    url: str, count: int, clock: Clock, *, poll_seconds: float = 3600.0
) -> AsyncIterator[Sequence[Replica]]:
    """So many, that know one model. Nothing runs by itself: call `sharing.step()` and `follower.poll()`."""
    async with AsyncExitStack() as stack:
        made = []
        for place in range(count):
            connections = await stack.enter_async_context(connect(url))
            board = HealthBoard(Metrics(), now=clock.now)
            board.hold(MODEL, UID, RULES)
            ejections, rng = Ejections(connections, f"replica-{place}"), random.Random(place)
            follower = EjectionFollower(
                connections, ejections, on_entries=board.take_in, rng=rng, poll_seconds=poll_seconds
            )
            made.append(Replica(board, Sharing(board, ejections, rng), follower, ejections))
        yield made
