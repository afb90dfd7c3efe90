"""What one router's state is, whoever broke it, costs no other router its allocation."""

from typing import Any

import pytest
from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.router_pb2 import Router

from services.state import ids, keys
from services.state.learned import SnapshotStore
from tests.feedback.conftest import Setting

ARM = {"n:a": 4, "sum:a": 2_000_000, "squares:a": 1_500_000, "window_n:a": 4, "window_sum:a": 2_000_000}
ARMS: dict[str, dict[Any, Any]] = {
    "more rewards than a message holds": {**ARM, "n:a": 2**70, "window_n:a": 2**70},
    "a number that no float is": {**ARM, "sum:a": "9" * 400},
    "fewer rewards than none": {**ARM, "n:a": -5, "window_n:a": -5},
    "words": {**ARM, "n:a": "many"},
    "bytes for a name": {**ARM, b"n:\xff": 1},
    "an arm in part": {"n:a": 4},
    "a version that is none": {**ARM, "version": "new"},
    "more resets than a message holds": {**ARM, "resets": 2**70},
}


@pytest.mark.parametrize("stored", ARMS.values(), ids=ARMS)
async def test_a_router_whose_rewards_are_broken_does_not_hinder_the_others(
    setting: Setting, stored: dict[Any, Any]
) -> None:
    """They learn alike, so that they are read, computed and published together."""
    broken, sound = await two(setting, strategy.BANDIT_ALGORITHM_THOMPSON)
    await keep(setting, keys.arms(ids.partition_for(broken.uid), broken.uid, "accuracy"), stored)
    assert await best_after_publication(setting, sound) == "b"


async def test_nor_does_one_whose_draws_are_broken(setting: Setting) -> None:
    """By which alone this algorithm's allocation may change."""
    broken, sound = await two(setting, strategy.BANDIT_ALGORITHM_UCB1)
    await keep(setting, keys.pulls(ids.partition_for(broken.uid), broken.uid), {"drawn:a": "some"})
    assert await best_after_publication(setting, sound) == "b"


async def keep(setting: Setting, key: str, stored: dict[Any, Any]) -> None:
    """Put it where a router's state is."""
    await setting.connections.steady.hset(key, mapping={"format": 1, **stored})
    await setting.connections.steady.expire(key, 60)


async def best_after_publication(setting: Setting, router: Router) -> str:
    """The variant that gets most, once everything was published that can be."""
    await setting.parts.ownership.round()
    for _ in range(2):
        await setting.parts.publisher.publish_changed()
    snapshot = await SnapshotStore(setting.connections).read(router.uid)
    assert snapshot is not None
    return max(snapshot.arms, key=lambda arm: arm.probability).variant


async def two(setting: Setting, algorithm: strategy.BanditAlgorithm) -> tuple[Router, Router]:
    """Two routers that learn alike; the second has rewards too."""

    def learn(router: Router) -> None:
        router.bandit.algorithm = algorithm

    broken = await setting.create(learn, name="routers/broken")
    sound = await setting.create(learn, name="routers/sound")
    for number in range(8):
        await setting.give(await setting.predict("ab"[number % 2]), reward=number % 2)
    return broken, sound
