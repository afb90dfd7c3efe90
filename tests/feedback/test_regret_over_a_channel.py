"""Three policies learn through gRPC and Redis as they do in simulation.

The band: 4 sqrt(sd²/m + se²), as for the references, where mean, sd and se are those of RUNS runs of the same
policy in the same short world in process (which `tests/regret` holds to the references), and m are the runs
over the channel.
"""

import math

import numpy as np
import pytest
from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.router_pb2 import Router

from services.router.deciding.draw import Wheel
from services.state.learned import SnapshotStore
from tests.feedback.conftest import Setting
from tests.regret.learners import LEARNERS
from tests.regret.simulating import simulate
from tests.regret.worlds import world

STEPS, RUNS, OVER_THE_CHANNEL = 60, 200, 3
PLAYED = {
    "eps_greedy_0.1": strategy.BANDIT_ALGORITHM_EPSILON_GREEDY,
    "ts_beta11": strategy.BANDIT_ALGORITHM_THOMPSON,
    "ucb1": strategy.BANDIT_ALGORITHM_UCB1,
}


async def regret(setting: Setting, algorithm: strategy.BanditAlgorithm, name: str, seed: int) -> float:
    """Of one router from its creation on: draws are from what is published, rewards go through the RPC."""

    def learn(router: Router) -> None:
        router.variants.add(id="c", model="models/c", enabled=True)
        router.bandit.algorithm = algorithm

    await setting.create(learn, name=name)
    await setting.parts.ownership.round()
    publisher, rng, lost = setting.parts.publisher, np.random.default_rng(seed), 0.0
    snapshots = SnapshotStore(setting.connections)
    for means in world("bern3_russo", STEPS).means:
        await publisher.publish_changed()
        published = await snapshots.read(setting.router.uid)
        assert published is not None
        arm = Wheel([each.probability for each in published.arms]).pick(float(rng.random()))
        prediction = await setting.predict("abc"[arm])
        await setting.give(prediction, reward=float(rng.random() < means[arm]))
        lost += float(means.max() - means[arm])
    return lost


@pytest.mark.parametrize("name", PLAYED)
async def test_a_policy_regrets_over_the_channel_what_it_regrets_in_process(
    setting: Setting, name: str
) -> None:
    inside = simulate(world("bern3_russo", STEPS), LEARNERS[name], RUNS, 8)[-1]
    tag = name.replace("_", "-").replace(".", "-")
    found = [
        await regret(setting, PLAYED[name], f"routers/{tag}-{run}", run) for run in range(OVER_THE_CHANNEL)
    ]
    sd, se = inside.std(ddof=1), inside.std(ddof=1) / math.sqrt(RUNS)
    band = 4 * math.sqrt(sd**2 / OVER_THE_CHANNEL + se**2)
    assert abs(np.mean(found) - inside.mean()) <= band
    # The band means something: who always drew the worst arm would be outside it.
    assert inside.mean() + band < STEPS * 0.2
