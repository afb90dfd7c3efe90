"""From a put to its effect, through Redis being stopped and killed: every event counts once, in its order."""

import random
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent

from services.state import ids
from services.state.batcher import EventWriter
from services.state.connection import Connections, connect
from services.state.consumer import Entry
from services.state.embedded import EmbeddedRedis
from services.state.fenced import Fence
from tests.state.background import running
from tests.state.groups import Member, members
from tests.waiting import eventually

PARTITIONS = (3, 17, 60)


class Chain:
    """Events numbered per partition as they are put, and as they arrive."""

    def __init__(self, connections: Connections, spool: Path) -> None:
        self.put = dict.fromkeys(PARTITIONS, 0)
        # By entry, as a consumer's own effects are: one that was handled, and not committed before Redis
        # stopped, comes again as the same entry. The same event in two entries would be a defect.
        self._entries: dict[int, dict[str, list[int]]] = {partition: {} for partition in PARTITIONS}
        uid = ids.new_uid(1.7e9, random.Random(1))
        self.writer = EventWriter(connections, spool, writer=uid, rng=random.Random(2))
        self.member = Member(connections, "reader", self._take)

    def send(self, count: int) -> None:
        for _ in range(count):
            for partition in PARTITIONS:
                self.put[partition] += 1
                event = PredictionEvent(format=1, rows=self.put[partition])
                self.writer.put(partition, event.SerializeToString())

    @property
    def arrived(self) -> dict[int, list[int]]:
        return {one: [row for rows in seen.values() for row in rows] for one, seen in self._entries.items()}

    def complete(self) -> bool:
        return all(len(self.arrived[one]) >= self.put[one] for one in PARTITIONS)

    def check(self) -> None:
        assert self.arrived == {one: list(range(1, self.put[one] + 1)) for one in PARTITIONS}
        assert self.writer.dropped == 0

    async def _take(self, partition: int, _fence: Fence, entries: Sequence[Entry[EventBatch]]) -> None:
        for entry in entries:
            assert not entry.message.HasField("gap")
            rows = [PredictionEvent.FromString(blob).rows for blob in entry.message.predictions]
            self._entries[partition][entry.id] = rows


async def _nothing_left(chain: Chain) -> bool:
    return await chain.member.consumer.lag() == {}


async def through(server: EmbeddedRedis, spool: Path, *, stop: Callable[[], object] | None) -> None:
    """Put before, while and after Redis is away; `stop` stops it, or it is killed."""
    async with connect(server.url) as connections:
        chain = Chain(connections, spool)
        async with members(chain.member), running(chain.writer.run()):
            chain.send(500)
            await eventually(chain.complete)
            chain.send(300)
            stop() if stop else await server.kill()
            chain.send(300)
            await eventually(lambda: chain.writer.spooled > 0)
            chain.send(300)
            server.signal(signal.SIGCONT) if stop else await server.start()
            chain.send(300)
            await eventually(chain.complete)
            await eventually(lambda: chain.writer.spooled == 0)
            chain.check()
            # What is handled is acknowledged a moment later.
            await eventually(lambda: _nothing_left(chain))
            await chain.writer.close()


async def test_redis_stops_and_goes_on(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """What it was sent before it stopped it may have, or not: sent again, it is refused where it has."""
    await through(redis_server, tmp_path / "spool", stop=lambda: redis_server.signal(signal.SIGSTOP))


async def test_redis_is_killed_and_comes_back(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """What it acknowledged it still has; what it did not, is sent again."""
    await through(redis_server, tmp_path / "spool", stop=None)
