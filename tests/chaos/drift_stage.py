"""A drift service of its own process, on a Redis behind a wire that strikes; and what it must count."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from turnout.router.v1.model_pb2 import Model

from services.drift.baseline_store import BaselineStore
from services.drift.baselines import Baseline, measure_columns
from services.drift.buckets import cover
from services.drift.cells.blob import Profile, encode
from services.drift.folding import count
from services.drift.observed import rows_of
from services.drift.profile_store import ProfileStore
from services.drift.rows import Rows
from services.state.configs import ConfigStore
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.errors import StateUnavailable
from services.state.ids import new_uid
from services.state.kinds import MODELS
from tests.chaos.wire import Strike, Wire
from tests.drift.traffic import PARTITION, append
from tests.stories.suite import plain_environment
from tests.waiting import eventually

WITHIN = 60.0
# In whatever the service does for the partition: reads, records, profiles, acknowledgements, leases.
MARK = b"{p%02d}" % PARTITION
SIZE = 7


class DriftStage:
    """Everything that takes part; what the routers do goes past the wire."""

    def __init__(
        self, folder: Path, redis: EmbeddedRedis, wire: Wire, hands: Connections, baseline: Baseline
    ) -> None:
        self._folder, self._redis, self._wire, self._hands = folder, redis, wire, hands
        self._baseline = baseline
        self._began = time.time()
        self._sent: list[Rows] = []
        self._batches = 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the service. It need not be waited for: whoever wants something of it waits for that."""
        told = {"REDIS_URL": self._wire.url, "PORT": "0", "METRICS_PORT": "0"}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.drift"),
            env={**plain_environment(), **{f"TURNOUT_DRIFT_{name}": value for name, value in told.items()}},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self) -> None:
        """kill -9."""
        assert self._process
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def kill_redis(self) -> None:
        """kill -9, and start it again on what it has synced."""
        await self._redis.kill()
        await self._redis.start()

    async def struck(self, number: int, after: bool, victim: str) -> bool:
        """One batch, with a strike while it is counted. Whether it came to that."""
        act = self.kill if victim == "service" else self.kill_redis
        strike = Strike(MARK, number, after, act)
        self._wire.strike = strike
        self._batches += 1
        await self._log()
        await self.counted()
        self._wire.strike = None
        return strike.struck.is_set()

    async def _log(self) -> None:
        """Append a batch as a router's batcher does: again under its number, until Redis has it."""

        async def appended() -> bool:
            try:
                made = await append(self._hands, self._batches, SIZE)
            except StateUnavailable:
                return False
            self._sent += [row for event in made for row in rows_of(event)]
            return True

        await eventually(appended, within=WITHIN)

    async def counted(self) -> None:
        """Until the profiles are, to the last bit, what every row once gives."""
        wanted = encode(count(self._baseline, self._sent, ""))

        async def there() -> bool:
            assert self._process
            if self._process.returncode is not None:
                await self.start()
            try:
                found = await self._window()
            except StateUnavailable:
                return False
            assert found.rows <= len(self._sent), "rows were counted twice"
            return encode(found) == wanted

        await eventually(there, within=WITHIN)

    async def _window(self) -> Profile:
        now = time.time()
        return await ProfileStore(self._hands).window(self._baseline, cover(self._began - 60, now + 60, now))


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[DriftStage]:
    """A stage with a model and its baseline; everything on it is gone when the block ends."""
    async with EmbeddedRedis(folder / "redis", fsync="always") as redis, connect(redis.url) as hands:
        wire = Wire(redis.port)
        await wire.start()
        stage = DriftStage(folder, redis, wire, hands, await _baseline(hands))
        await stage.start()
        yield stage
        await stage.kill()
        await wire.stop()


async def _baseline(hands: Connections) -> Baseline:
    store = ConfigStore(hands, MODELS, time.time, random.Random(1))
    model = (await store.create(Model(name="models/churn"))).message
    rng = np.random.default_rng(0)
    numbers = {"age": rng.normal(40, 10, 500).tolist(), "amount": rng.lognormal(3, 1, 500).tolist()}
    rows, features = measure_columns(numbers, {"plan": ["basic", "gold"] * 250}, {})
    made = Baseline(
        new_uid(time.time(), random.Random(3)), "one", model.name, model.uid, rows, features, time.time()
    )
    baselines = BaselineStore(hands)
    await baselines.create([made], None)
    await baselines.activate([made])
    return made
