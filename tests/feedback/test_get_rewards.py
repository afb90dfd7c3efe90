"""What a router has learnt, over a real channel."""

import pytest
from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.inference.v1.event_pb2 import Truth

from services.foundation.errors import RemoteError
from tests.feedback.conftest import Setting
from tests.waiting import eventually


async def test_a_router_without_feedback_has_its_variants_and_no_means(setting: Setting) -> None:
    shown = await setting.rewards()
    assert [arm.variant for arm in shown.arms] == ["a", "b"]
    assert not any(arm.HasField("mean") or arm.rewards or arm.pulls for arm in shown.arms)
    assert (shown.router, shown.router_uid, shown.version) == (setting.router.name, setting.router.uid, 0)


@pytest.mark.parametrize("name", ["learner", "routers/learner"])
async def test_a_router_is_known_by_its_id_and_its_name(setting: Setting, name: str) -> None:
    reply: rpc.GetRewardsResponse = await setting.ask("GetRewards", rpc.GetRewardsRequest(router=name))
    assert reply.rewards.router == "routers/learner"


async def test_an_unknown_router_is_not_found(setting: Setting) -> None:
    with pytest.raises(RemoteError) as refused:
        await setting.ask("GetRewards", rpc.GetRewardsRequest(router="nobody"))
    assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "ROUTER_NOT_FOUND")
    assert "routers/nobody" in refused.value.message


@pytest.mark.parametrize("name", ["", "Not A Name", "models/a"])
async def test_a_name_that_is_none_is_refused(setting: Setting, name: str) -> None:
    with pytest.raises(RemoteError) as refused:
        await setting.ask("GetRewards", rpc.GetRewardsRequest(router=name))
    assert (refused.value.code, refused.value.fields[0].field) == ("INVALID_ARGUMENT", "router")


async def test_shows_the_allocation_in_force_beside_the_newest_counts(setting: Setting) -> None:
    async with setting.background():
        for number in range(6):
            variant = "ab"[number % 2]
            prediction = await setting.predict(variant, "yes")
            await setting.give(prediction, truth=Truth(label="yes" if variant == "b" else "no"))

        async def learnt() -> bool:
            shown = await setting.rewards()
            shares = [arm.probability for arm in shown.arms]
            return shown.version > 0 and shares == pytest.approx([0.05, 0.95])

        await eventually(learnt)
    a, b = (await setting.rewards()).arms
    assert (a.rewards, a.mean, b.rewards, b.mean) == (3, 0, 3, 1)
