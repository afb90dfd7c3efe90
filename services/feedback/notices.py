"""Listens for rewards that other processes have applied in the partitions that this one owns."""

import asyncio
import random
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

from services.foundation.logs import log
from services.state import keys
from services.state.connection import Connections
from services.state.errors import StateUnavailable
from services.state.failures import reaching_redis
from services.state.waits import Waits

# How long a quiet channel is waited on at a time.
LISTEN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Notices:
    """Calls `wake` with the uid of each notice about one of the `owned` partitions, and with an empty one
    where some may have been missed."""

    connections: Connections
    owned: Callable[[], Container[int]]
    wake: Callable[[str], None]
    rng: random.Random

    async def run(self) -> None:
        """Listen until cancelled."""
        waits = Waits(self.rng)
        while True:
            try:
                async with self.connections.blocking.pubsub() as channel:
                    with reaching_redis():
                        await channel.subscribe(keys.arms_channel())
                    self.wake("")
                    while True:
                        await self._listen(channel)
                        waits.reset()
            except StateUnavailable as error:
                if not waits.waiting:
                    log.warning("rewards are not announced now", cause=error.facts.get("cause"))
                await asyncio.sleep(waits.next())

    async def _listen(self, channel: Any) -> None:
        with reaching_redis():
            message = await channel.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS)
        if message is not None:
            partition, uid = message["data"].decode().split()
            if int(partition) in self.owned():
                self.wake(uid)
