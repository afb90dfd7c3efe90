"""What a router has learnt, over a real channel."""

import pytest
from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.inference.v1.event_pb2 import Truth

from services.foundation.errors import RemoteError
from tests.feedback.conftest import Setting
from tests.waiting import eventually


async def test_a_router_without_feedback_has_its_variants_and_no_means(setting: Setting) -> None:
    shown = await setting.rewards()
    assert [arm.variant for arm in shown.arms] == ["a", "b"]
    assert not any(arm.HasField("mean") or arm.rewards or arm.pulls for arm in shown.arms)
    # Nothing is published yet; what will be is known.
    assert [arm.probability for arm in shown.arms] == [0.5, 0.5]
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


async def test_after_a_reset_it_shows_what_the_reset_leads_to_before_that_is_published(
    setting: Setting,
) -> None:
    """What was published last rests on what is forgotten: its probabilities, scores and intervals."""
    parts = setting.parts
    await parts.ownership.round()
    for number in range(6):
        await setting.give(await setting.predict("ab"[number % 2]), reward=number % 2)
    await parts.publisher.publish_changed()
    former = await setting.rewards()
    assert [arm.probability for arm in former.arms] == pytest.approx([0.05, 0.95])
    await setting.ask("ResetRewards", rpc.ResetRewardsRequest(router="learner"))
    shown = await setting.rewards()
    assert [arm.probability for arm in shown.arms] == pytest.approx([0.5, 0.5])
    assert [(arm.effective_rewards, arm.HasField("effective_mean")) for arm in shown.arms] == [(0, False)] * 2
    assert all(arm.posterior_low < 0.05 and arm.posterior_high > 0.95 for arm in shown.arms)
    assert (shown.version, shown.learner_generation) == (former.version, 1)
    await parts.publisher.publish_changed()
    published = await setting.rewards()
    assert published.version == former.version + 1
    assert timeless(published) == timeless(shown)


def timeless(snapshot: RewardSnapshot) -> RewardSnapshot:
    """Without version and time."""
    made = RewardSnapshot()
    made.CopyFrom(snapshot)
    made.ClearField("version")
    made.ClearField("compute_time")
    return made
