"""Points of a history: the same bit for bit, in whatever order events and labels came and how often."""

import random
import time
from collections.abc import Sequence

import pytest
from turnout.drift.v1 import performance_pb2 as rpc
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth

from services.state import ids
from tests.drift.performance.conftest import Suite
from tests.drift.performance.worlds import HOUR, Label, batches, labelled, numbered, outside, world

STEPS = (rpc.PERFORMANCE_STEP_HOURLY, rpc.PERFORMANCE_STEP_DAILY, rpc.PERFORMANCE_STEP_WEEKLY)
BY_ROUTER, BY_VARIANT = rpc.PERFORMANCE_GROUP_ROUTER, rpc.PERFORMANCE_GROUP_VARIANT
GROUPS: list[list[rpc.PerformanceGroup]] = [[], [rpc.PERFORMANCE_GROUP_SEGMENT], [BY_ROUTER, BY_VARIANT]]


async def told(suite: Suite, model: str, now: float) -> list[rpc.GetPerformanceHistoryResponse]:
    """All that can be asked, without what names the model and the moment."""
    found = []
    for step in STEPS:
        for groups in GROUPS:
            reply = await suite.history(
                model, step=step, group_by=groups, positive_label="yes",
                start_time={"seconds": int(now - 80 * HOUR)}, end_time={"seconds": int(now)},
            )  # fmt: skip
            reply.model = ""
            reply.ClearField("concept")
            found.append(reply)
    return found


async def happen(
    suite: Suite, events: list[PredictionEvent], labels: list[Label], rng: random.Random
) -> None:
    """Everything in some order: half of the labels twice, before and after their predictions."""
    happenings: list[Label | Sequence[PredictionEvent]] = [
        *batches(events, 7),
        *labels,
        *rng.sample(labels, len(labels) // 2),
    ]
    rng.shuffle(happenings)
    for one in happenings:
        if isinstance(one, Label):
            await suite.tell(one)
        else:
            await suite.log(one)


async def test_any_order_with_retries_and_corrections_gives_the_same_points_bit_for_bit(suite: Suite) -> None:
    now, partitions, replies = time.time(), [], {}
    one, two = await suite.model("order-a"), await suite.model("order-b")
    made = {model.name: world(model.name, model.uid, 5, now) for model in (one, two)}
    async with suite.running():
        for model in (one, two):
            events, labels = made[model.name]
            if model is one:
                await suite.log(events)
                for label in labels:
                    await suite.tell(label)
            else:
                await happen(suite, events, labels, random.Random(9))
            partitions.append(ids.partition_for(model.uid))
        for partition in partitions:
            await suite.settled(partition)
        for model in (one, two):
            replies[model.name] = await told(suite, model.name, now)
    assert replies[one.name] == replies[two.name]
    for reply in replies[one.name][:1]:
        (total,) = reply.totals
        assert total.predictions == sum(
            max(event.rows, 1) for event in made[one.name][0] if not event.error_code
        )
        assert total.calls == sum(bool(event.error_code) for event in made[one.name][0])
        assert total.labelled == len({(label.id, label.row) for label in made[one.name][1]})
        assert sum(point.labelled for point in reply.points) == total.labelled


async def test_two_processes_that_take_partitions_from_each_other_count_once(suite: Suite) -> None:
    now = time.time()
    model = await suite.model("twice")
    events, labels = world(model.name, model.uid, 6, now)
    partition = ids.partition_for(model.uid)
    async with suite.running(2):
        await suite.log(events[:30])
        for label in labels[:20]:
            await suite.tell(label)
    # They are gone without a word; others read what was not committed once more.
    async with suite.running(2):
        await suite.log(events[30:])
        for label in labels[10:]:
            await suite.tell(label)
        await suite.settled(partition)
    (total,) = (await suite.history("twice", start_time={"seconds": int(now - 80 * HOUR)})).totals
    assert total.predictions == sum(max(event.rows, 1) for event in events if not event.error_code)
    assert total.labelled == len({(label.id, label.row) for label in labels})


async def test_what_was_logged_from_outside_is_measured_at_its_event_time(suite: Suite) -> None:
    rng, now = random.Random(1), time.time()
    model = await suite.model("outsider")
    then = (now - 40 * 24 * HOUR) // (24 * HOUR) * 24 * HOUR + 5 * HOUR
    yes = labelled(outside(model.name, model.uid, rng, event_time=then + 5), "yes", 0.75)
    no = labelled(outside(model.name, model.uid, rng, event_time=then + 3605), "no", 0.5)
    number = numbered(outside(model.name, model.uid, rng, event_time=then + 5), 3.0)
    async with suite.running():
        await suite.log([yes, no, number])
        for place, (event, truth) in enumerate(
            ((yes, Truth(label="yes")), (no, Truth(label="yes")), (number, Truth(number=5.0)))
        ):
            await suite.tell(Label(event.manifest.prediction_id, truth, now, f"f{place}"))
        await suite.settled(ids.partition_for(model.uid))
    day = {"seconds": int(then - 5 * HOUR)}
    reply = await suite.history(
        "outsider", start_time=day, end_time={"seconds": int(then + 1)}, positive_label="yes"
    )
    (point,) = reply.points
    assert (point.start_time.seconds, point.end_time.seconds) == (day["seconds"], day["seconds"] + 24 * HOUR)
    assert (point.predictions, point.labelled, point.labels, point.numbers, point.partial) == (
        3,
        3,
        2,
        1,
        False,
    )
    assert (point.coverage, point.accuracy.value) == (1.0, 0.5)
    assert (point.positive.precision.value, point.positive.recall.value) == (1.0, 0.5)
    assert point.brier.value == pytest.approx((0.25**2 + 0.5**2) / 2)
    assert (point.mae.value, point.rmse.value, point.bias.value) == (2.0, 2.0, -2.0)
    assert not point.bias.HasField("low")
    hours = await suite.history(
        "outsider",
        step=rpc.PERFORMANCE_STEP_HOURLY,
        start_time=day,
        end_time={"seconds": int(then + 24 * HOUR)},
    )
    assert [(one.start_time.seconds, one.labelled) for one in hours.points] == [(then, 2), (then + HOUR, 1)]


async def test_a_correction_replaces_what_was_said(suite: Suite) -> None:
    rng, now = random.Random(2), time.time()
    model = await suite.model("corrected")
    event = labelled(outside(model.name, model.uid, rng), "yes", 0.9)
    about, partition = event.manifest.prediction_id, ids.partition_for(model.uid)
    async with suite.running():
        await suite.tell(Label(about, Truth(label="no"), now - 9, "first"))
        await suite.log([event])
        await suite.settled(partition)
        assert (await suite.history("corrected")).totals[0].accuracy.value == 0
        await suite.tell(Label(about, Truth(label="yes"), now - 1, "second"))
        await suite.tell(Label(about, Truth(label="no"), now - 5, "between"))
        await suite.settled(partition)
    (total,) = (await suite.history("corrected")).totals
    assert (total.accuracy.value, total.labels, total.labelled) == (1, 1, 1)
    assert total.brier.value == pytest.approx(0.01)


async def test_segments_that_read_alike_are_told_apart(suite: Suite) -> None:
    """What is logged from outside may have any name: 'region' of 'a=b' is not 'region=a' of 'b'."""
    rng, now = random.Random(4), time.time()
    model = await suite.model("ambiguous")
    first, second = (labelled(outside(model.name, model.uid, rng), "yes", 0.9) for _ in range(2))
    first.segments["region"], second.segments["region=a"] = "a=b", "b"
    async with suite.running():
        await suite.log([first, second])
        for event, label in ((first, "yes"), (second, "no")):
            await suite.tell(Label(event.manifest.prediction_id, Truth(label=label), now, label))
        await suite.settled(ids.partition_for(model.uid))
    reply = await suite.history(model.name, group_by=[rpc.PERFORMANCE_GROUP_SEGMENT])
    told = {(one.segment.name, one.segment.value): one for one in reply.totals}
    assert {segment: (one.predictions, one.accuracy.value) for segment, one in told.items()} == {
        ("region", "a=b"): (1, 1.0),
        ("region=a", "b"): (1, 0.0),
    }
    for name, value in told:
        (only,) = (await suite.history(model.name, segment={"name": name, "value": value})).totals
        assert only.predictions == 1
