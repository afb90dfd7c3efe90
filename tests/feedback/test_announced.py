"""Who hears that a router's arms have earned something: the process itself, if it publishes for them."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.feedback.notices import Notices
from services.state import ids
from services.state.claims import UNITS, Applied, Claim, Learner, Report
from services.state.connection import Connections
from services.state.errors import StateUnavailable
from services.state.rewards import RewardStore
from tests.feedback.conftest import Setting
from tests.state.background import running
from tests.waiting import eventually

NOW = 1_750_000_000.0
NEAR, FAR = Learner(7, "near", "reward"), Learner(8, "far", "reward")


def claim(learner: Learner, seed: int = 1, *, told: bool = True) -> Claim:
    made = ids.new_prediction_id(learner.partition, NOW, random.Random(seed))
    return Claim(learner, Report(made, 0, "a", UNITS, 1, f"f{seed}"), 1000, 86_400.0, told=told)


@asynccontextmanager
async def listening(connections: Connections) -> AsyncIterator[list[str]]:
    """What Redis announces."""
    heard: list[str] = []
    every = Notices(connections, lambda: range(64), heard.append, random.Random(1))
    async with running(every.run()):
        # That it listens now is announced as a change of any.
        await eventually(lambda: bool(heard))
        heard.clear()
        yield heard


async def test_own_partitions_are_told_of_here_and_others_through_redis(connections: Connections) -> None:
    near: list[str] = []
    store = RewardStore(connections.steady, lambda: {NEAR.partition}, near.append)
    async with listening(connections) as far:
        assert set(await store.apply([claim(NEAR), claim(FAR), claim(NEAR, 2)], NOW)) == {Applied.ACCEPTED}
        await eventually(lambda: far == [FAR.uid])
    assert near == [NEAR.uid]


async def test_what_no_allocation_follows_is_told_to_nobody(connections: Connections) -> None:
    near: list[str] = []
    store = RewardStore(connections.steady, lambda: {NEAR.partition}, near.append)
    async with listening(connections) as far:
        await store.apply([claim(NEAR, told=False), claim(FAR, told=False)], NOW)
        await store.apply([claim(FAR, 3)], NOW)
        await eventually(lambda: far == [FAR.uid])
    assert near == []


async def test_it_is_told_of_also_where_nobody_knows_whether_it_was_applied(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    near: list[str] = []
    store = RewardStore(connections.steady, lambda: {NEAR.partition}, near.append)

    async def cut(*_: Any, **__: Any) -> Any:
        raise StateUnavailable("the answer was lost")

    monkeypatch.setattr(connections.steady, "evalsha", cut)
    with pytest.raises(StateUnavailable):
        await store.apply([claim(NEAR)], NOW)
    assert near == [NEAR.uid]


async def test_an_owner_publishes_what_it_took_in_without_a_word_of_redis(setting: Setting) -> None:
    await setting.parts.ownership.round()
    async with listening(setting.connections) as announced, running(setting.parts.publisher.run()):
        before = await setting.parts.publisher.snapshots.read(setting.router.uid)
        await setting.give(await setting.predict("a"), reward=1.0)

        async def published() -> bool:
            now = await setting.parts.publisher.snapshots.read(setting.router.uid)
            return now is not None and now != before and any(arm.rewards for arm in now.arms)

        await eventually(published)
    assert announced == []
