"""Models that the catalog's follower has not announced yet."""

import random

from services.aggregator.registry import LOOK_SECONDS, Registry
from services.foundation.telemetry import Telemetry
from services.models.pool import ModelPool
from services.state.errors import StateUnavailable


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_an_unknown_model_is_looked_for_and_not_more_often_than_allowed() -> None:
    rng, clock, looks = random.Random(1), Clock(), list[float]()
    registry = Registry(ModelPool(Telemetry(rng=rng), rng), clock)

    async def look() -> None:
        looks.append(clock.now)

    registry.catch_up = look
    for clock.now in (0.0, 0.1, LOOK_SECONDS - 0.01, LOOK_SECONDS + 0.01):
        await registry.meet(["models/nobody"])
    assert looks == [0.0, LOOK_SECONDS + 0.01]


async def test_without_redis_the_plan_goes_on_with_those_who_are_known() -> None:
    rng = random.Random(1)
    registry = Registry(ModelPool(Telemetry(rng=rng), rng), Clock())

    async def away() -> None:
        raise StateUnavailable("the state store cannot be reached now")

    registry.catch_up = away
    await registry.meet(["models/nobody"])
