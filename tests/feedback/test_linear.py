"""A contextual bandit from the records of its predictions to what is published, and from there to scores."""

import random

import numpy as np
import pytest
from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.router_pb2 import Router

from services.router.deciding.contexts import contexts_of
from services.state.learned import SnapshotStore
from tests.feedback.conftest import Setting

RIDGE, WIDTH = 2.0, 3


def linear(router: Router) -> None:
    router.bandit.algorithm = strategy.BANDIT_ALGORITHM_LIN_UCB
    router.bandit.context_features.extend(["age", "spent"])
    router.bandit.context_scales["spent"] = 100.0
    router.bandit.ridge, router.bandit.linear_exploration = RIDGE, 0.25


async def test_the_regressions_are_those_of_the_acknowledged_rewards(setting: Setting) -> None:
    """In whatever order they come; what has no context is left out. The router scores by them."""
    await setting.create(linear, name="routers/linear")
    rng = random.Random(5)
    told: dict[str, list[tuple[list[float], float]]] = {"a": [], "b": []}
    given = []
    for number in range(12):
        variant = "ab"[number % 2]
        context, reward = [rng.random(), rng.random()], float(rng.random() < 0.6)
        event = setting.event(variant)
        event.manifest.decision.context.extend(context)
        await setting.record(event)
        told[variant].append(([1.0, *context], reward))
        given.append((event.manifest.prediction_id, reward))
    given.append((await setting.predict("a"), 1.0))
    rng.shuffle(given)
    for prediction, reward in given:
        await setting.give(prediction, reward=reward)
    await setting.parts.ownership.round()
    await setting.parts.publisher.publish_changed()
    published = await SnapshotStore(setting.connections).read(setting.router.uid)
    assert published is not None
    state = published.linear
    rewards = [reward for pairs in told.values() for _, reward in pairs]
    assert state.centre == pytest.approx(np.mean(rewards))
    for arm in state.arms:
        x = np.array([context for context, _ in told[arm.variant]])
        r = np.array([reward for _, reward in told[arm.variant]]) - state.centre
        expected = RIDGE * np.eye(WIDTH) + x.T @ x
        assert np.frombuffer(arm.precision).reshape(WIDTH, WIDTH) == pytest.approx(expected)
        assert np.frombuffer(arm.moment) == pytest.approx(x.T @ r)
        assert arm.rewards == 6
    the_router_scores_by(published, setting.router)


def the_router_scores_by(published: RewardSnapshot, router: Router) -> None:
    state = published.linear
    seen = contexts_of(router, published)
    assert seen is not None
    asked = Input()
    asked.row.update({"age": 0.5, "spent": 40})
    scored = seen(asked)
    assert scored.context == [0.5, 0.4]
    one = state.arms[0]
    inverse = np.linalg.inv(np.frombuffer(one.precision).reshape(WIDTH, WIDTH))
    x0 = np.array([1.0, 0.5, 0.4])
    hoped = state.centre + x0 @ inverse @ np.frombuffer(one.moment) + 0.25 * np.sqrt(x0 @ inverse @ x0)
    assert scored[one.variant] == pytest.approx(hoped)


async def test_before_any_reward_all_are_hoped_for_alike(setting: Setting) -> None:
    await setting.create(linear, name="routers/fresh")
    await setting.parts.ownership.round()
    await setting.parts.publisher.publish_changed()
    published = await SnapshotStore(setting.connections).read(setting.router.uid)
    seen = contexts_of(setting.router, published)
    assert seen is not None
    scores = seen(Input())
    assert len(set(scores.values())) == 1
    assert scores.context == [0.0, 0.0]


@pytest.mark.parametrize("wild", [1e160, -1e308, 1e7])
def test_a_wild_number_counts_as_the_farthest_there_is(wild: float) -> None:
    """Squared as it came, it would leave the regression without an inverse, and the router unloaded."""
    router = Router(variants=[{"model": "a"}, {"model": "b"}])
    linear(router)
    contexts = contexts_of(router, None)
    assert contexts is not None
    asked = Input()
    asked.row.update({"age": wild, "spent": 50})
    assert contexts.read(asked) == [1e6 if wild > 0 else -1e6, 0.5]
