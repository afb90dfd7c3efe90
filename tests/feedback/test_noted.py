"""Reported rewards are noted for detectors of drift: what has changed, by the minute of a router."""

from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.router.v1.router_pb2 import DIRECTION_MINIMIZE, Router

from services.state import concept_keys, ids
from tests.feedback.conftest import Setting
from tests.feedback.test_record_feedback import at, status
from tests.waiting import eventually


async def noted(setting: Setting) -> list[str]:
    """What drift would find."""
    found = await setting.connections.steady.zrange(concept_keys.rewarded(setting.partition), 0, -1)
    return [one.decode() for one in found]


async def taken(setting: Setting) -> None:
    """Drift has seen all of it."""
    await setting.connections.steady.delete(concept_keys.rewarded(setting.partition))


async def test_a_reward_is_noted_and_a_duplicate_or_what_is_superseded_is_not(setting: Setting) -> None:
    prediction = await setting.predict()
    await setting.give(prediction, reward=1, observed_at=at(5), feedback_id="one")
    about = f"{ids.minute_of(prediction)}+/{setting.router.uid[-12:]}/accuracy"
    assert await noted(setting) == [about]
    await taken(setting)
    assert (
        status(await setting.give(prediction, reward=1, observed_at=at(5), feedback_id="one")) == "DUPLICATE"
    )
    assert status(await setting.give(prediction, reward=0, observed_at=at(4))) == "SUPERSEDED"
    await taken(setting)
    assert status(await setting.give(prediction, reward=0, observed_at=at(9))) == "CORRECTED"
    assert await noted(setting) == [about]


async def test_what_truth_yields_is_not_noted_for_it_is_watched_as_errors(setting: Setting) -> None:
    prediction = await setting.predict()
    await setting.give(prediction, truth={"label": "yes"})

    async def credited() -> bool:
        return (await setting.arm()).rewards == 1

    async with setting.background():
        await eventually(credited)
    assert await noted(setting) == []


async def test_only_the_reward_is_noted_with_the_way_that_is_better(setting: Setting) -> None:
    def costly(router: Router) -> None:
        router.metrics.add(name="revenue", max_value=200)
        router.metrics.add(name="cost", max_value=9, direction=DIRECTION_MINIMIZE)
        router.bandit.reward_metric = "cost"

    await setting.create(costly, name="routers/shop")
    prediction = await setting.predict()
    await setting.give(prediction, metric=rpc.MetricValue(name="revenue", value=50))
    assert await noted(setting) == []
    await setting.give(prediction, reward=3)
    assert await noted(setting) == [f"{ids.minute_of(prediction)}-/{setting.router.uid[-12:]}/cost@0..9"]
