"""Calls that come at the same time share their round trips, and nothing else."""

import asyncio

import pytest

from services.feedback.joining import Joint
from services.feedback.wire.requests import completed
from services.foundation.errors import RemoteError
from tests.feedback.conftest import Setting
from tests.feedback.test_bad_input import status
from tests.feedback.test_import import Item


async def scripts(setting: Setting) -> int:
    told = await setting.connections.steady.info("commandstats")
    return int(told.get("cmdstat_evalsha", {"calls": 0})["calls"])


async def test_many_at_once_take_a_few_commands(setting: Setting) -> None:
    events = [setting.event("a") for _ in range(60)]
    await setting.record(*events)
    joint = Joint(setting.parts.servicer.intaking.intake)
    items = [
        completed(Item(prediction_id=one.manifest.prediction_id, reward=1), setting.now()) for one in events
    ]
    before = await scripts(setting)
    taken = await asyncio.gather(*(joint.take(item, 0.0) for item in items))
    assert {one.prediction_id for one in taken} == {one.manifest.prediction_id for one in events}
    # Together, by the minutes of their predictions: two of them, where one has just begun.
    assert await scripts(setting) - before <= 4
    assert (await setting.arm("a")).rewards == 60


async def test_what_is_wrong_with_one_is_told_to_it_alone(setting: Setting) -> None:
    good = await setting.predict()
    asked = [setting.give(good, reward=1.0), setting.give(good, reward=7.0), setting.give(good, reward=1.0)]
    first, wrong, again = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(wrong, RemoteError)
    assert wrong.reason == "REWARD_OUT_OF_RANGE"
    assert not isinstance(first, BaseException)
    assert not isinstance(again, BaseException)
    assert sorted([status(first), status(again)]) == ["ACCEPTED", "DUPLICATE"]


async def test_who_leaves_disturbs_nobody(setting: Setting) -> None:
    names = [await setting.predict() for _ in range(3)]
    joint = Joint(setting.parts.servicer.intaking.intake)
    items = [completed(Item(prediction_id=name, reward=1), setting.now()) for name in names]
    tasks = [asyncio.create_task(joint.take(item, 0.0)) for item in items]
    await asyncio.sleep(0)
    tasks[1].cancel()
    assert (await tasks[0]).variant == (await tasks[2]).variant == "a"
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
