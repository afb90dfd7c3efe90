"""A feedback service of its own process, on a Redis behind a wire that strikes; and an oracle."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from turnout.feedback.v1 import feedback_service_pb2 as rpc

from services.foundation.client import Client
from services.foundation.errors import RemoteError, Unavailable
from services.state.claims import UNITS
from services.state.connection import connect
from services.state.embedded import EmbeddedRedis
from tests.chaos.wire import Strike, Wire
from tests.feedback.conftest import SERVICE, Setting
from tests.stories.suite import plain_environment
from tests.waiting import eventually

START_SECONDS = 60.0
Item = rpc.RecordFeedbackRequest


class Stage:
    """Everything that takes part. `hands` does what router and drift do, past the wire."""

    def __init__(self, folder: Path, redis: EmbeddedRedis, wire: Wire, hands: Setting) -> None:
        self._folder = folder
        self.redis = redis
        self.wire = wire
        self.hands = hands
        self._starts = 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the service; it answers when this returns."""
        self._starts += 1
        announce = self._folder / f"announce-{self._starts}"
        told = {"REDIS_URL": self.wire.url, "PORT": "0", "METRICS_PORT": "0"}
        environment = {f"TURNOUT_FEEDBACK_{name}": value for name, value in told.items()}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.feedback", "--announce", str(announce)),
            env={**plain_environment(), **environment},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        said = announce / "feedback-0.json"
        process = self._process
        await eventually(lambda: said.exists() or process.returncode is not None, within=START_SECONDS)
        assert process.returncode is None, f"it ended as it started, with {process.returncode}"
        self.hands.client = Client(json.loads(said.read_text())["address"], unretried=[SERVICE])

    async def stop(self) -> None:
        """Kill it; there is nothing that it could lose."""
        assert self._process
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self.hands.client.close()

    async def strike_service(self) -> None:
        assert self._process
        self._process.kill()
        await self._process.wait()

    async def strike_redis(self) -> None:
        await self.redis.kill()
        await self.redis.start()

    async def recover(self) -> None:
        """Until the service answers again; it is started where it was killed."""
        await eventually(self._answers, within=START_SECONDS)

    async def _answers(self) -> bool:
        assert self._process
        if self._process.returncode is not None:
            await self.hands.client.close()
            await self.start()
        try:
            await self.hands.connections.steady.ping()
            return bool(await self.hands.rewards())
        except (RemoteError, Unavailable):
            return False

    async def until_told(self, items: Sequence[Item], imported: bool) -> list[str]:
        """Send until everything is acknowledged, the same words again after each failure; the statuses."""
        told = await self._told(items, imported)
        while told is None:
            await self.recover()
            told = await self._told(items, imported)
        return told

    async def _told(self, items: Sequence[Item], imported: bool) -> list[str] | None:
        try:
            if imported:
                return await self._import(items)
            replies = [await self.hands.ask("RecordFeedback", item) for item in items]
        except RemoteError as failed:
            if failed.code not in ("UNAVAILABLE", "CANCELLED", "UNKNOWN"):
                raise
            return None
        return [rpc.FeedbackStatus.Name(one.status).removeprefix("FEEDBACK_STATUS_") for one in replies]

    async def _import(self, items: Sequence[Item]) -> list[str]:
        async def stream() -> AsyncIterator[rpc.ImportFeedbackRequest]:
            yield rpc.ImportFeedbackRequest(items=items)

        reply = await self.hands.client.upload(SERVICE, "ImportFeedback")(stream(), timeout=20)
        return [status for status, count in reply.counts.items() for _ in range(count)]

    def set(self, strike: Strike | None) -> None:
        """What the wire does from now on."""
        self.wire.strike = strike


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """A stage with a router; everything on it is gone when the block ends."""
    async with EmbeddedRedis(folder / "redis", fsync="always") as redis, connect(redis.url) as connections:
        wire = Wire(redis.port)
        await wire.start()
        hands = Setting(connections)
        await hands.create()
        stage = Stage(folder, redis, wire, hands)
        await stage.start()
        yield stage
        await stage.stop()
        await wire.stop()


def oracle(items: Sequence[tuple[str, Item]]) -> dict[str, tuple[int, float]]:
    """Rewards and their mean, by arm, of the acknowledged set: of each prediction and row the latest
    (observed, feedback id). Items come with the arm that was drawn; truths are right for `yes`."""
    held: dict[tuple[str, int], tuple[tuple[int, str], str, int]] = {}
    for arm, item in items:
        order = item.observed_at.ToMicroseconds(), item.feedback_id
        if item.WhichOneof("outcome") == "truth":
            # As the stream of truths names it: by its time, before the reporter's own id.
            order = order[0], f"{order[0]}/{order[1]}"
        kind = item.WhichOneof("outcome")
        value = float(item.truth.label == "yes") if kind == "truth" else getattr(item, str(kind))
        units = round((value if kind != "metric" else item.metric.value) * UNITS)
        about = (item.prediction_id or item.external_id, item.row)
        held[about] = max(held.get(about, (order, arm, units)), (order, arm, units))
    found: dict[str, list[int]] = {}
    for _, arm, units in held.values():
        found.setdefault(arm, []).append(units)
    return {arm: (len(some), sum(some) / len(some) / UNITS) for arm, some in found.items()}
