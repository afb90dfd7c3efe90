"""Following what other replicas eject: by notices that carry everything, and by polls in case one is lost."""

import random
from collections.abc import Callable, Sequence

from services.state import keys
from services.state.connection import Connections
from services.state.ejections import Ejections, Entry
from services.state.notices import POLL_SECONDS, Notices

# (ms of Redis' clock, what was read at that time)
OnEntries = Callable[[int, Sequence[Entry]], None]


class EjectionFollower:
    """Calls `on_entries` with each notice, and with all entries about once in `poll_seconds`. Run `run()` in
    the background; while Redis is away nothing is called."""

    def __init__(
        self,
        connections: Connections,
        ejections: Ejections,
        *,
        on_entries: OnEntries,
        rng: random.Random,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._ejections = ejections
        self._on_entries = on_entries
        self.run = Notices(
            connections,
            keys.ejections_channel(),
            "ejections",
            look=self.poll,
            hear=self._heard,
            rng=rng,
            poll_seconds=poll_seconds,
        ).run

    async def poll(self) -> None:
        """Read everything once. Raises StateUnavailable."""
        self._on_entries(*await self._ejections.read())

    async def _heard(self, notice: bytes) -> None:
        if (entry := self._ejections.heard(notice)) is not None:
            self._on_entries(entry.now, [entry])
