"""From the streams to the allocation: exactly once, in whatever order, whoever owns the partition."""

import random
import time
from typing import Any

import pytest
from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import Truth
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.feedback.crediting import accuracy_of, pairs_of
from services.feedback.gauges import AccuracyGauge
from services.foundation.metrics import Metrics
from services.state import ids, keys
from services.state.claims import UNITS, Claim, Report
from services.state.errors import LostLease
from services.state.fenced import Fence
from services.state.group import Group
from services.state.labels import Pair
from services.state.learned import SnapshotStore
from services.state.model_metrics import ModelMetricsStore
from services.state.rewards import RewardStore
from services.state.streams import EVENTS, TRUTH
from tests.feedback import recorded
from tests.feedback.conftest import Setting
from tests.waiting import eventually


async def published(setting: Setting) -> RewardSnapshot | None:
    return await SnapshotStore(setting.connections).read(setting.router.uid)


def share_of(snapshot: RewardSnapshot | None, variant: str) -> float:
    arms = snapshot.arms if snapshot else []
    return next((arm.probability for arm in arms if arm.variant == variant), -1.0)


def accuracy(metrics: Metrics, model: str) -> float | None:
    return metrics.registry.get_sample_value("ensemble_model_accuracy", {"model": model})


async def done(setting: Setting, *streams: Any) -> None:
    """Wait until the group has handled everything in its streams."""

    async def nothing_left() -> bool:
        lags = [await Group(setting.connections, "feedback", stream).lag() for stream in streams]
        return not any(lags)

    await eventually(nothing_left)


async def redeliver(setting: Setting, stream: Any) -> None:
    """Forget that the group has done anything, as if its owner died before it could say so."""
    group = Group(setting.connections, "feedback", stream)
    fence = Fence.of(setting.partition, "feedback", 0)
    token: Any = await setting.connections.steady.get(fence.key)
    await setting.connections.steady.xgroup_setid(stream.key(setting.partition), "feedback", "0")
    await group.commit(setting.partition, Fence(fence.key, token.decode()), "0-0", 0)


async def learnt_state(setting: Setting) -> dict[str, Any]:
    """Every arm and every draw in the store, byte for byte."""
    redis: Any = setting.connections.steady
    names = sorted([*await redis.keys("*:arms:*"), *await redis.keys("*:pulls:*")])
    kinds = {name: await redis.type(name) for name in names}
    return {
        name: await (redis.hgetall(name) if kind == b"hash" else redis.get(name))
        for name, kind in kinds.items()
    }


async def test_truth_moves_the_weights(setting: Setting) -> None:
    async with setting.background():
        for number in range(40):
            variant = "ab"[number % 2]
            prediction = await setting.predict(variant, "yes" if variant == "b" else "no")
            await setting.give(prediction, truth=Truth(label="yes"))
        await eventually(lambda: _is(setting, "b", 0.95))
        await eventually(lambda: _rewarded(setting, "a", 20))
        await eventually(lambda: _rewarded(setting, "b", 20))
    assert ((await setting.arm("a")).mean, (await setting.arm("b")).mean) == (0, 1)


async def _is(setting: Setting, variant: str, share: float) -> bool:
    return share_of(await published(setting), variant) == pytest.approx(share)


async def test_a_new_router_gets_an_allocation_before_any_reward(setting: Setting) -> None:
    async with setting.background():
        await eventually(lambda: _is(setting, "a", 0.5))


async def test_a_new_generation_gets_a_new_allocation(setting: Setting) -> None:
    def disable(router: Router) -> None:
        router.variants[0].enabled = False

    async with setting.background():
        await setting.give(await setting.predict("a"), reward=1)
        await setting.give(await setting.predict("b"), reward=0)
        await eventually(lambda: _is(setting, "a", 0.95))
        await setting.routers.update(setting.router.name, disable)
        await eventually(lambda: _is(setting, "a", 0.0))
    snapshot = await published(setting)
    assert snapshot is not None
    assert (snapshot.generation, share_of(snapshot, "b")) == (2, 1.0)


async def test_bounds_that_cannot_be_met_leave_the_former_allocation(setting: Setting) -> None:
    def overdo(router: Router) -> None:
        router.bandit.floor = 0.6

    parts = setting.parts
    await parts.ownership.round()
    await parts.publisher.publish_changed()
    former = await published(setting)
    await setting.routers.update(setting.router.name, overdo)
    await parts.follower.reconcile()
    await parts.publisher.publish_changed()
    assert former is not None
    assert await published(setting) == former
    await setting.routers.update(setting.router.name, lambda router: router.bandit.ClearField("floor"))
    await parts.follower.reconcile()
    await parts.publisher.publish_changed()
    again = await published(setting)
    assert again is not None
    assert (again.version, again.generation) == (former.version + 1, 3)


async def test_rewards_of_a_newer_version_stop_their_own_router_only(setting: Setting) -> None:
    unreadable = setting.router
    other = await setting.create(name="routers/other")
    arms = keys.arms(ids.partition_for(unreadable.uid), unreadable.uid, "accuracy")
    await setting.connections.steady.hset(arms, mapping={"format": 99})
    await setting.connections.steady.expire(arms, 60)
    await setting.parts.ownership.round()
    await setting.parts.publisher.publish_changed()
    snapshots = SnapshotStore(setting.connections)
    assert await snapshots.read(unreadable.uid) is None
    assert await snapshots.read(other.uid) is not None


async def test_what_has_not_changed_is_not_published_again(setting: Setting) -> None:
    parts = setting.parts
    await parts.ownership.round()
    for _ in range(3):
        await parts.publisher.publish_changed()
    first = await published(setting)
    await setting.give(await setting.predict("a"), reward=1)
    for _ in range(3):
        await parts.publisher.publish_changed()
    second = await published(setting)
    assert first is not None
    assert second is not None
    assert (first.version, second.version) == (1, 2)


async def test_a_former_owner_publishes_nothing(setting: Setting) -> None:
    parts = setting.parts
    await parts.ownership.round()
    fence = parts.ownership.fence(setting.partition)
    await setting.connections.steady.incr(fence.key)
    with pytest.raises(LostLease):
        await parts.publisher.publish_changed()
    assert await published(setting) is None


async def test_only_routers_that_learn_get_an_allocation(setting: Setting) -> None:
    plain = await setting.create(lambda router: router.weighted.SetInParent(), name="routers/split")
    async with setting.background():
        await setting.give(await setting.predict("a"), truth=Truth(label="yes"))
        await eventually(lambda: _rewarded(setting, "a", 1))
    assert await SnapshotStore(setting.connections).read(plain.uid) is None


async def _rewarded(setting: Setting, variant: str, rewards: int) -> bool:
    return (await setting.arm(variant)).rewards == rewards


async def test_a_reward_taken_by_one_process_is_published_by_the_partitions_owner(setting: Setting) -> None:
    owner = setting.process(seed=6)
    async with setting.background(owner):
        await eventually(lambda: _is(setting, "a", 0.5))
        await setting.give(await setting.predict("a"), reward=0)
        await setting.give(await setting.predict("b"), reward=1)
        await eventually(lambda: _is(setting, "b", 0.95))
    assert not setting.parts.ownership.owned


async def test_draws_are_counted_and_a_failed_one_earns_the_worst(setting: Setting) -> None:
    async with setting.background():
        await setting.log(setting.event("a"), setting.event("b"), setting.event("b"))
        await setting.log(setting.event("b", outcome=manifest.OUTCOME_TIMED_OUT))
        await setting.log(setting.event("a", mode=manifest.DECISION_MODE_PINNED))
        await done(setting, EVENTS)
    a, b = (await setting.rewards()).arms
    assert (a.pulls, a.failures, a.rewards, a.pending) == (1, 0, 0, 1)
    assert (b.pulls, b.failures, b.rewards, b.mean, b.pending) == (3, 1, 1, 0, 2)


async def test_redelivery_changes_nothing(setting: Setting) -> None:
    """An owner that dies between the effect and the acknowledgement leaves everything to be done again."""
    async with setting.background():
        for number in range(8):
            event = setting.event("ab"[number % 2], "yes")
            failed = setting.event("a", outcome=manifest.OUTCOME_FAILED)
            await setting.log(event, failed)
            await setting.record(event, failed)
            await setting.give(event.manifest.prediction_id, truth=Truth(label="yes"))
            await setting.give(failed.manifest.prediction_id, truth=Truth(label="yes"))
        await done(setting, EVENTS, TRUTH)
    before = await learnt_state(setting)
    for stream in (EVENTS, TRUTH):
        await redeliver(setting, stream)
    heir = setting.process(seed=4)
    async with setting.background(heir):
        await eventually(lambda: heir.ownership.owned)
        await done(setting, EVENTS, TRUTH)
    assert await learnt_state(setting) == before
    a, b = (await setting.rewards()).arms
    assert (a.pulls, a.failures, a.rewards, b.pulls, b.rewards) == (12, 8, 12, 4, 4)


async def test_truth_before_its_record_counts_once_the_record_comes(setting: Setting) -> None:
    event = setting.event("a", "yes")
    id_ = event.manifest.prediction_id
    async with setting.background():
        await setting.give(id_, truth=Truth(label="yes"))
        await eventually(lambda: setting.connections.steady.hlen(keys.parked_items(setting.partition)))
        await setting.record(event)
        await eventually(lambda: _rewarded(setting, "a", 1))
        await eventually(lambda: _nothing_parked(setting))
    assert (await setting.arm("a")).mean == 1


async def _nothing_parked(setting: Setting) -> bool:
    return not await setting.connections.steady.exists(keys.parked_items(setting.partition))


async def test_a_reward_before_its_record_counts_once_the_record_comes(setting: Setting) -> None:
    event = setting.event("b")
    await setting.give(event.manifest.prediction_id, reward=0.5)
    async with setting.background():
        await setting.record(event)
        await eventually(lambda: _rewarded(setting, "b", 1))
        await eventually(lambda: _nothing_parked(setting))
    assert (await setting.arm("b")).mean == 0.5


async def test_parked_feedback_that_turns_out_wrong_is_counted_and_dropped(setting: Setting) -> None:
    event = setting.event("b")
    await setting.give(event.manifest.prediction_id, reward=7)
    async with setting.background():
        await setting.record(event)
        await eventually(lambda: _nothing_parked(setting))
    assert setting.metrics.registry.get_sample_value("turnout_feedback_total", {"result": "refused"}) == 1
    assert (await setting.arm("b")).rewards == 0


async def test_a_corrected_truth_replaces_the_former_in_arms_and_models(setting: Setting) -> None:
    async with setting.background():
        prediction = await setting.predict("a", "yes")
        await setting.give(prediction, truth=Truth(label="yes"))
        await eventually(lambda: _rewarded(setting, "a", 1))
        await setting.give(prediction, truth=Truth(label="no"))
        await eventually(lambda: _mean(setting, "a", 0))
        # Back to the first word: without an id of its own it would be taken for a retry.
        await setting.give(prediction, truth=Truth(label="yes"), feedback_id="after all")
        await eventually(lambda: _mean(setting, "a", 1))
    assert (await setting.arm("a")).rewards == 1


async def _mean(setting: Setting, variant: str, mean: float) -> bool:
    return (await setting.arm(variant)).mean == mean


async def test_every_juror_has_its_own_accuracy_and_every_process_shows_it(setting: Setting) -> None:
    await setting.create(lambda router: router.ensemble.SetInParent(), name="routers/jury")
    other = Metrics()
    second = setting.process(other, seed=5)
    await second.follower.reconcile()
    async with setting.background():
        for number in range(4):
            id_ = setting.event().manifest.prediction_id
            labels = {"a": "yes", "b": "yes" if number else "no"}
            await setting.record(recorded.jury(id_, labels, setting.router.uid))
            await setting.give(id_, truth=Truth(label="yes"))
        await eventually(lambda: accuracy(setting.metrics, "models/b") == 0.75)
    gauge: Any = second.works["accuracy"].__self__  # type: ignore[attr-defined]
    assert isinstance(gauge, AccuracyGauge)
    await gauge.refresh()
    assert accuracy(other, "models/a") == accuracy(setting.metrics, "models/a") == 1
    assert accuracy(other, "models/b") == 0.75
    _, published = await ModelMetricsStore(setting.connections).read()
    shown = {one.model: one.accuracy for one in published.values()}
    assert shown == {name: accuracy(other, name) for name in ("models/a", "models/b")}


async def test_a_model_of_two_partitions_shows_its_newest_labels_as_its_metrics_do(setting: Setting) -> None:
    """The window of each partition holds 1,000 labels, the accuracy of a model the newest 1,000 of all."""
    first, uid = setting.router, (await setting.models.read("models/a")).uid
    later = await setting.create(name="routers/elsewhere")
    claims = []
    for router, units, begin in ((first, 0, 3000.0), (later, UNITS, 1000.0)):
        partition = ids.partition_for(router.uid)
        for number in range(800):
            id_ = ids.new_prediction_id(partition, time.time() - begin + number / 10, random.Random(number))
            report = Report(id_, 0, uid, units, 1, "f")
            claims.append(Claim(accuracy_of(partition, uid), report, 1000, 1e9))
            pair = Pair("yes", "yes" if units else "no")
            claims.append(Claim(pairs_of(partition, uid), report, 1000, 1e9, pair=pair))
    await RewardStore(setting.connections.steady).apply(claims, time.time())
    async with setting.background():
        await eventually(lambda: accuracy(setting.metrics, "models/a") is not None)
    # The 800 of the later router, and 200 of the other.
    assert accuracy(setting.metrics, "models/a") == 0.8


async def test_a_process_shows_what_it_leads_of_events_and_truths_and_nothing_after(setting: Setting) -> None:
    def lags() -> set[tuple[str, float]]:
        found = [one for family in setting.metrics.consumer_lag.metric.collect() for one in family.samples]
        return {(one.labels["stream"], one.value) for one in found}

    def owned() -> float | None:
        return setting.metrics.registry.get_sample_value("turnout_partitions_owned", {"group": "feedback"})

    async with setting.background():
        await eventually(lambda: owned() == ids.PARTITIONS and lags() == {("events", 0), ("truth", 0)})
    assert (owned(), lags()) == (0, set())


async def test_a_model_made_anew_under_its_old_name_starts_from_nothing(setting: Setting) -> None:
    async with setting.background():
        await setting.give(await setting.predict("a", "yes"), truth=Truth(label="yes"))
        await eventually(lambda: accuracy(setting.metrics, "models/a") == 1)
        old = await setting.predict("a", "yes")
        await setting.models.delete("models/a")
        await eventually(lambda: accuracy(setting.metrics, "models/a") is None)
        await setting.models.create(Model(name="models/a"))
        await setting.parts.follower.reconcile()
        await setting.give(old, truth=Truth(label="yes"))
        await setting.give(await setting.predict("a", "yes"), truth=Truth(label="no"))
        # The label of the old model's prediction is not the new model's.
        await eventually(lambda: accuracy(setting.metrics, "models/a") == 0)


async def test_an_event_that_cannot_be_read_does_not_cost_the_others(setting: Setting) -> None:
    async with setting.background():
        await setting.log(setting.event("a"))
        redis: Any = setting.connections.steady
        stream = keys.events(setting.partition)
        ((_, fields),) = await redis.xrange(stream)
        spoilt = fields[EVENTS.field].replace(b"routers/learner", b"\xff\xfe\xfd\xfcers/learner", 1)
        await redis.xadd(stream, {EVENTS.field: spoilt})
        await redis.hincrby(keys.totals(stream), "entries", 1)
        await setting.log(setting.event("a"))
        await done(setting, EVENTS)
    assert (await setting.arm("a")).pulls == 2
