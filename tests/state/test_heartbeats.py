"""Who is alive, by what they report."""

import pytest

from services.state import catalog_keys, heartbeats
from services.state.connection import Connections
from services.state.heartbeats import Heartbeats, Replica
from tests.waiting import eventually


async def test_reports_are_read_as_they_were_written(connections: Connections) -> None:
    beats = Heartbeats(connections)
    one = Replica("b", "127.0.0.1:1", "5-0", {"routers/churn": 3}, {"routers/x": "no model"}, 7, 1.5)
    await beats.beat(one)
    await beats.beat(Replica("a"))
    assert await beats.live(None) == [Replica("a"), one]
    assert await beats.live(["routers/none"]) == await beats.live()


async def test_the_silent_and_those_who_left_are_gone(connections: Connections) -> None:
    beats = Heartbeats(connections, dead_seconds=0.2)
    await beats.beat(Replica("silent"))

    async def alone() -> bool:
        await beats.beat(Replica("alive"))
        return [replica.id for replica in await beats.live()] == ["alive"]

    await eventually(alone)
    await beats.leave("alive")
    assert await beats.live() == []


async def test_there_are_never_more_than_fit(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "MOST_REPLICAS", 5)
    beats = Heartbeats(connections, dead_seconds=60)
    for place in range(8):
        await beats.beat(Replica(f"r{place}"))
    assert [replica.id for replica in await beats.live()] == ["r3", "r4", "r5", "r6", "r7"]


async def test_what_is_served_is_told_when_it_changes_and_again_when_it_is_lost(
    connections: Connections,
) -> None:
    beats = Heartbeats(connections)

    async def served() -> object:
        return (await beats.live(["routers/a", "routers/b", "routers/c"]))[0].generations

    await beats.beat(Replica("r", generations={"routers/a": 1, "routers/b": 1}))
    assert await served() == {"routers/a": 1, "routers/b": 1}
    held = {"routers/b": 2, "routers/c": 1}
    await beats.beat(Replica("r", generations=held))
    assert await served() == held
    await connections.steady.delete(catalog_keys.catalog_served("r"))
    await beats.beat(Replica("r", generations=held))
    await beats.beat(Replica("r", generations=held))
    assert await served() == held
    # Another process of that id, which knows nothing of what the first one told.
    await Heartbeats(connections).beat(Replica("r", generations={"routers/a": 5}))
    assert await served() == {"routers/a": 5}
