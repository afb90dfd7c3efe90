"""What is measured of models is published by one process for all, from every partition."""

import random
import time
from typing import Any

import pytest
from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.feedback import learnt_labels
from services.feedback.assembly import Assembly
from services.feedback.measuring import ModelMeter
from services.foundation.errors import Aborted
from services.state import ids, metric_keys
from services.state.errors import LostLease
from services.state.model_metrics import ModelMetricsReader, ModelMetricsStore
from tests.feedback import recorded
from tests.feedback.conftest import Setting
from tests.waiting import eventually


def meter(parts: Assembly) -> ModelMeter:
    found: Any = parts.works["models"].__self__  # type: ignore[attr-defined]
    assert isinstance(found, ModelMeter)
    return found


async def published(setting: Setting, name: str = "a") -> ModelMetrics | None:
    _, held = await ModelMetricsStore(setting.connections).read()
    return next((one for one in held.values() if one.model == f"models/{name}"), None)


async def metrics(setting: Setting, name: str = "a") -> ModelMetrics:
    found = await published(setting, name)
    assert found is not None
    return found


def called(
    setting: Setting, ms: float, outcome: manifest.Outcome = manifest.OUTCOME_SERVED
) -> PredictionEvent:
    made = setting.event("a", outcome=outcome)
    made.manifest.participants[0].latency.FromNanoseconds(int(ms * 1e6))
    made.manifest.participants[0].cost.amount = 0.25
    made.manifest.participants[0].cost.currency = "EUR"
    return made


async def test_calls_of_the_last_minutes_become_rates_quantiles_and_costs(setting: Setting) -> None:
    async with setting.background():
        await setting.log(*(called(setting, ms) for ms in (10, 20, 30)))
        await setting.log(called(setting, 500, manifest.OUTCOME_TIMED_OUT))
        await eventually(lambda: _requests(setting, 4))
    found = await metrics(setting)
    assert (found.error_rate, found.cost, found.currency) == (0.25, 0.25, "EUR")
    assert found.latency_p50_ms == pytest.approx(20, rel=0.05)
    assert found.latency_p99_ms == pytest.approx(30, rel=0.05)
    assert (found.labels, found.HasField("accuracy"), found.HasField("f1")) == (0, False, False)


async def _requests(setting: Setting, count: int) -> bool:
    return (await metrics(setting)).requests == count


async def test_calls_of_more_than_five_minutes_ago_are_forgotten(setting: Setting) -> None:
    async with setting.background():
        await setting.log(called(setting, 10))
        await eventually(lambda: _requests(setting, 1))
        setting.late = 301.0
        await eventually(lambda: _requests(setting, 0))
    found = await metrics(setting)
    assert not found.HasField("error_rate")
    assert not found.HasField("latency_p50_ms")


async def test_labels_become_accuracy_and_f1(setting: Setting) -> None:
    """Macro over yes and no: each has 2·TP / (2·TP + FP + FN) = 4/6."""
    async with setting.background():
        for said, true in (
            ("yes", "yes"),
            ("yes", "yes"),
            ("yes", "no"),
            ("no", "yes"),
            ("no", "no"),
            ("no", "no"),
        ):
            await setting.give(await setting.predict("a", said), truth=Truth(label=true))
        await eventually(lambda: _labels(setting, 6))
        found = await metrics(setting)
        assert found.accuracy == pytest.approx(4 / 6)
        assert found.f1 == pytest.approx(4 / 6)


async def _labels(setting: Setting, count: int) -> bool:
    return (await metrics(setting)).labels == count


async def test_f1_is_that_of_the_positive_label_where_the_task_names_one(setting: Setting) -> None:
    def churns(router: Router) -> None:
        router.task.positive_label = "yes"

    async with setting.background():
        for said, true in (("yes", "yes"), ("no", "yes"), ("no", "no"), ("no", "no"), ("no", "no")):
            await setting.give(await setting.predict("a", said), truth=Truth(label=true))
        await eventually(lambda: _labels(setting, 5))
        await setting.routers.update(setting.router.name, churns)
        await eventually(lambda: _f1(setting, 2 / 3))


async def _f1(setting: Setting, value: float) -> bool:
    return (await metrics(setting)).f1 == pytest.approx(value)


async def test_a_corrected_truth_corrects_both(setting: Setting) -> None:
    async with setting.background():
        one = await setting.predict("a", "yes")
        await setting.give(one, truth=Truth(label="yes"))
        await eventually(lambda: _f1(setting, 1.0))
        await setting.give(one, truth=Truth(label="no"))
        await eventually(lambda: _f1(setting, 0.0))
    found = await metrics(setting)
    assert (found.labels, found.accuracy) == (1, 0.0)


async def test_routers_of_two_partitions_add_up(setting: Setting) -> None:
    first, partition = setting.router, setting.partition
    while setting.partition == partition:
        await setting.create(name=f"routers/other-{random.Random(time.time_ns()).getrandbits(40):x}")
    assert setting.router.uid != first.uid
    async with setting.background():
        await setting.give(await setting.predict("a", "yes"), truth=Truth(label="yes"))
        setting.router, setting.partition = first, partition
        await setting.give(await setting.predict("a", "yes"), truth=Truth(label="no"))
        await eventually(lambda: _labels(setting, 2))
    assert (await metrics(setting)).accuracy == 0.5


async def test_what_has_not_changed_is_not_published_again(setting: Setting) -> None:
    parts = setting.parts
    await parts.ownership.round()
    for _ in range(3):
        await meter(parts).publish_changed()
    store = ModelMetricsStore(setting.connections)
    assert (await store.read())[0] == 0
    await setting.give(await setting.predict("a", "yes"), truth=Truth(label="yes"))
    async with setting.background():
        await eventually(lambda: _labels(setting, 1))
    for _ in range(3):
        await meter(parts).publish_changed()
    version, held = await store.read()
    assert version == max(one.version for one in held.values())


async def test_only_the_owner_of_the_first_partition_publishes(setting: Setting) -> None:
    idle = setting.process(seed=9)
    await meter(idle).publish_changed()
    assert not await setting.connections.steady.exists(metric_keys.model_metrics())
    await setting.parts.ownership.round()
    fence = setting.parts.ownership.fence(0)
    await setting.connections.steady.incr(fence.key)
    with pytest.raises(LostLease):
        await meter(setting.parts).publish_changed()


async def test_an_heir_goes_on_from_what_was_published(setting: Setting) -> None:
    async with setting.background():
        await setting.give(await setting.predict("a", "yes"), truth=Truth(label="yes"))
        await eventually(lambda: _labels(setting, 1))
    before = (await ModelMetricsStore(setting.connections).read())[0]
    heir = setting.process(seed=4)
    async with setting.background(heir):
        await eventually(lambda: 0 in heir.ownership.owned)
        await setting.give(await setting.predict("a", "yes"), truth=Truth(label="no"))
        await eventually(lambda: _labels(setting, 2))
    version, held = await ModelMetricsStore(setting.connections).read()
    assert version > before
    assert next(iter(held.values())).accuracy == 0.5


async def test_who_finds_another_version_reads_it_and_goes_on(setting: Setting) -> None:
    parts = setting.parts
    await parts.ownership.round()
    await parts.follower.reconcile()
    await meter(parts).publish_changed()
    key = metric_keys.model_metrics()
    await setting.connections.steady.hset(key, mapping={"format": 1, "version": 41})
    with pytest.raises(Aborted):
        await meter(parts).publish_changed()
    async with setting.background():
        await setting.give(await setting.predict("a", "yes"), truth=Truth(label="yes"))
        await eventually(lambda: _labels(setting, 1))
    assert (await metrics(setting)).version == 42


async def test_metrics_go_with_their_model(setting: Setting) -> None:
    async with setting.background():
        await setting.give(await setting.predict("a", "yes"), truth=Truth(label="yes"))
        await eventually(lambda: _labels(setting, 1))
        await setting.models.delete("models/a")
        await eventually(lambda: _gone(setting))
        await setting.models.create(Model(name="models/a"))
        await setting.parts.follower.reconcile()
        await setting.give(await setting.predict("a", "yes"), truth=Truth(label="no"))
        await eventually(lambda: _labels(setting, 1))
    assert (await metrics(setting)).accuracy == 0


async def _gone(setting: Setting) -> bool:
    return await published(setting) is None


async def test_labels_of_many_models_take_turns(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learnt_labels, "VERSIONS", 1)
    async with setting.background():
        for name in ("a", "b"):
            await setting.give(await setting.predict(name, "yes"), truth=Truth(label="yes"))
        await eventually(lambda: _labels(setting, 1))
        await eventually(lambda: _labels_of_b(setting))


async def _labels_of_b(setting: Setting) -> bool:
    return (await metrics(setting, "b")).labels == 1


async def test_a_replica_reads_by_name_what_feedback_has_published(setting: Setting) -> None:
    follower = setting.parts.follower
    reader = ModelMetricsReader(
        setting.connections,
        uid_of=lambda name: follower.models.by_name[name].uid,
        now=setting.now,
        rng=random.Random(1),
    )
    async with setting.background():
        await setting.give(await setting.predict("b", "yes"), truth=Truth(label="yes"))
        await eventually(lambda: _labels_of_b(setting))
        await reader.poll()
    found = reader.get("models/b")
    assert found is not None
    assert found.accuracy == 1
    assert ids.time_of(found.model_uid) <= time.time()
    assert found.compute_time.ToSeconds() > recorded.NOW
