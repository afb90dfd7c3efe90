"""What feedback publishes of models: one growing version, its past, and what replicas have in memory."""

import asyncio
import random
import time
from typing import Any

import pytest
from turnout.feedback.v1.metrics_pb2 import ModelMetrics

from services.foundation.errors import Aborted
from services.state import metric_keys, model_metrics
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.errors import LostLease, NewerFormat
from services.state.fenced import Fence
from services.state.model_metrics import ModelMetricsReader, ModelMetricsStore
from tests.state.background import running
from tests.waiting import eventually

FENCE = Fence.of(0, "feedback", 1)


class Publisher:
    """Publishes as feedback's owner of partition 0 does."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.store = ModelMetricsStore(connections)
        self.version = 0
        self.held: dict[str, ModelMetrics] = {}

    async def publish(self, *gone: str, **accuracies: float) -> int:
        """Publish these accuracies by model, and that others are gone."""
        await self.connections.steady.set(FENCE.key, FENCE.token)
        changed = {
            f"uid-{name}": ModelMetrics(model_uid=f"uid-{name}", model=f"models/{name}", accuracy=value)
            for name, value in accuracies.items()
        }
        leaving = [f"uid-{name}" for name in gone]
        self.version = await self.store.publish(FENCE, self.version, self.held, changed, leaving, time.time())
        self.held = {uid: one for uid, one in self.held.items() if uid not in leaving} | changed
        return self.version


@pytest.fixture
def publisher(connections: Connections) -> Publisher:
    return Publisher(connections)


def reader(connections: Connections, **options: Any) -> ModelMetricsReader:
    told: dict[str, Any] = {"uid_of": lambda name: name.replace("models/", "uid-"), "now": time.time}
    return ModelMetricsReader(connections, rng=random.Random(1), **told | options)


def accuracies(found: Any) -> dict[str, float] | None:
    return None if found is None else {uid: one.accuracy for uid, one in found.items()}


async def test_a_publication_is_one_version_whatever_it_changes(publisher: Publisher) -> None:
    assert await publisher.publish(a=0.5, b=0.6) == 1
    assert await publisher.publish(a=0.7) == 2
    version, held = await publisher.store.read()
    assert version == 2
    assert {uid: one.version for uid, one in held.items()} == {"uid-a": 2, "uid-b": 1}


async def test_nothing_new_is_no_new_version_but_a_sign_of_life(
    connections: Connections, publisher: Publisher
) -> None:
    await publisher.publish(a=0.5)
    one = reader(connections)
    await one.poll()
    await connections.steady.hset(metric_keys.model_metrics(), "computed", str(time.time() - 60))
    await one.poll()
    assert 59 < one.stale_seconds < 90
    assert await publisher.publish() == 1
    await one.poll()
    assert one.stale_seconds < 30


@pytest.mark.parametrize("seed", range(5))
async def test_every_version_can_be_restored(publisher: Publisher, seed: int) -> None:
    """Models come, change, go and come again; each former state is found as it was."""
    rng = random.Random(seed)
    states: dict[int, dict[str, float] | None] = {0: {}}
    for _ in range(40):
        present = sorted(uid.removeprefix("uid-") for uid in publisher.held)
        gone = {name for name in present if rng.random() < 0.15}
        changed = {
            name: round(rng.random(), 3) for name in "abcdef" if rng.random() < 0.3 and name not in gone
        }
        if gone or changed:
            version = await publisher.publish(*gone, **changed)
            states[version] = accuracies(publisher.held)
    for version, state in states.items():
        assert accuracies(await publisher.store.history(version)) == state


async def test_a_version_that_is_no_longer_kept_is_not_made_up(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_metrics, "MOST_VERSIONS", 3)
    for number in range(6):
        await publisher.publish(a=number / 10)
    kept = [accuracies(await publisher.store.history(version)) for version in range(8)]
    assert kept[:3] == [None, None, None]
    assert kept[3:7] == [{"uid-a": 0.2}, {"uid-a": 0.3}, {"uid-a": 0.4}, {"uid-a": 0.5}]
    assert kept[7] is None


async def test_the_log_is_bounded_in_bytes(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_metrics, "LOG_BYTES", 2000)
    for number in range(30):
        await publisher.publish(a=number / 100)
    assert await publisher.connections.steady.xlen(metric_keys.model_metrics_log()) < 20


async def test_who_was_replaced_publishes_nothing(publisher: Publisher) -> None:
    await publisher.publish(a=0.5)
    late = FENCE._replace(token="0")
    with pytest.raises(LostLease):
        await publisher.store.publish(late, 1, {}, {"uid-a": ModelMetrics(accuracy=0.1)}, [], 1.0)
    assert accuracies((await publisher.store.read())[1]) == {"uid-a": 0.5}


async def test_who_does_not_know_the_version_has_to_read_it(publisher: Publisher) -> None:
    await publisher.publish(a=0.5)
    with pytest.raises(Aborted):
        await publisher.store.publish(FENCE, 0, {}, {"uid-a": ModelMetrics(accuracy=0.1)}, [], 1.0)
    assert (await publisher.store.read())[0] == 1


async def test_a_newer_format_is_neither_read_nor_overwritten(
    connections: Connections, publisher: Publisher
) -> None:
    await publisher.publish(a=0.5)
    one = reader(connections)
    await one.poll()
    await connections.steady.hset(metric_keys.model_metrics(), mapping={"format": 99, "version": 9})
    with pytest.raises(NewerFormat):
        await publisher.publish(a=0.6)
    with pytest.raises(NewerFormat):
        await publisher.store.read()
    await one.poll()
    held = one.get("models/a")
    assert held is not None
    assert (held.accuracy, one.version) == (0.5, 1)


async def test_replicas_have_it_within_moments_and_are_told_of_what_changed(
    connections: Connections, publisher: Publisher
) -> None:
    told: list[frozenset[str]] = []
    # A poll every ten minutes: what comes sooner came by the notice.
    one = reader(connections, on_change=told.append, poll_seconds=600.0)
    await publisher.publish(a=0.5, b=0.6)
    async with running(one.run()):
        await eventually(lambda: one.version == 1)
        await asyncio.sleep(0)
        await eventually(lambda: _subscribed(connections))
        await publisher.publish("b", a=0.7)
        await eventually(lambda: one.version == 2)
    assert told == [frozenset({"models/a", "models/b"}), frozenset({"models/a", "models/b"})]
    held = one.get("models/a")
    assert held is not None
    assert held.accuracy == 0.7
    assert one.get("models/b") is None
    assert accuracies(await one.history(1)) == {"models/a": 0.5, "models/b": 0.6}


async def _subscribed(connections: Connections) -> bool:
    counts: Any = await connections.steady.pubsub_numsub(metric_keys.model_metrics_channel())
    return bool(counts[0][1])


async def test_a_model_made_anew_has_not_what_its_namesake_had(
    connections: Connections, publisher: Publisher
) -> None:
    await publisher.publish(a=0.5)
    one = reader(connections, uid_of={"models/a": "uid-new"}.get)
    await one.poll()
    assert one.get("models/a") is None
    assert one.get("models/unknown") is None


async def test_before_anything_is_published_nothing_is_known(connections: Connections) -> None:
    one = reader(connections)
    await one.poll()
    assert (one.get("models/a"), one.version, one.stale_seconds) == (None, 0, float("inf"))
    assert await one.history(0) == {}
    assert await one.history(1) is None


async def test_while_redis_is_away_the_last_stay_and_grow_stale(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        await Publisher(connections).publish(a=0.5)
        later = [0.0]
        one = reader(connections, now=lambda: time.time() + later[0], poll_seconds=0.05)
        async with running(one.run()):
            await eventually(lambda: one.version == 1)
            await redis_server.kill()
            later[0] = 100.0
            assert one.stale_seconds >= 100
            held = one.get("models/a")
            assert held is not None
            assert held.accuracy == 0.5
            await redis_server.start()
            publisher = Publisher(connections)
            publisher.version, publisher.held = await publisher.store.read()
            await publisher.publish(a=0.6)
            await eventually(lambda: one.version == 2)
