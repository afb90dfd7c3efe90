"""Feedback that waits for its record: tried again when due, bounded, given up in the end."""

import pytest
from turnout.inference.v1.event_pb2 import Truth, TruthEntry

from services.feedback.parking import Parking
from services.feedback.sweeping import Sweeper
from services.feedback.truths import Truths
from services.state import keys
from services.state.claims import Learner
from services.state.consumer import Entry
from services.state.errors import NewerFormat
from services.state.fenced import Fence
from services.state.parked import LIFETIME_SECONDS, ParkedStore
from services.state.records import RecordStore
from tests.feedback.conftest import Setting

FENCE = Fence("unused", "1")


def parking(setting: Setting) -> Parking:
    return Parking(ParkedStore(setting.connections.steady, most=3))


def sweeper(setting: Setting) -> Sweeper:
    records = RecordStore(setting.connections)
    settling = setting.parts.settling
    finder = setting.parts.finder
    return Sweeper(records, parking(setting), settling, finder, lambda: [setting.partition], setting.now)


def counted(setting: Setting, result: str) -> float:
    value = setting.metrics.registry.get_sample_value("turnout_feedback_total", {"result": result})
    return value or 0.0


async def waiting(setting: Setting, seconds: float) -> list[str]:
    """Predictions whose feedback is due in so many seconds."""
    due = await parking(setting).due(setting.partition, setting.now() + seconds, 100)
    return [item.request.prediction_id for item in due]


async def test_what_has_no_record_yet_is_tried_again_later_and_later(setting: Setting) -> None:
    early = setting.event()
    await setting.give(early.manifest.prediction_id, reward=1)
    setting.late = 100.0
    await sweeper(setting).sweep(setting.partition)
    assert await waiting(setting, 45) == []
    assert await waiting(setting, 55) == [early.manifest.prediction_id]
    await setting.record(early)
    setting.late = 160.0
    await sweeper(setting).sweep(setting.partition)
    assert (await setting.arm("a")).rewards == 1
    assert await waiting(setting, 1e9) == []


async def test_sweeping_twice_counts_once(setting: Setting) -> None:
    """The owner dies between applying and forgetting."""
    early = setting.event()
    await setting.give(early.manifest.prediction_id, reward=1)
    await setting.record(early)
    setting.late = 5.0
    first = sweeper(setting)
    (item,) = await first.parking.due(setting.partition, setting.now(), 10)
    record = await first.records.read(early.manifest.prediction_id)
    assert record is not None
    await first._settle(item, record)
    await first.sweep(setting.partition)
    assert (await setting.arm("a")).rewards == 1
    assert counted(setting, "duplicate") == 1


async def test_what_a_newer_version_has_to_read_waits_for_it(setting: Setting) -> None:
    early = setting.event()
    await setting.give(early.manifest.prediction_id, reward=1)
    await setting.record(early)
    learner = Learner(setting.partition, setting.router.uid, "accuracy")
    await setting.connections.steady.hset(keys.arms(*learner), mapping={"format": 99})
    await setting.connections.steady.expire(keys.arms(*learner), 60)
    setting.late = 5.0
    with pytest.raises(NewerFormat):
        await sweeper(setting).sweep(setting.partition)
    assert await waiting(setting, 0) == [early.manifest.prediction_id]


async def test_what_waits_in_vain_is_given_up_and_counted(setting: Setting) -> None:
    await setting.give(setting.event().manifest.prediction_id, reward=1)
    setting.late = LIFETIME_SECONDS + 1
    await sweeper(setting).sweep(setting.partition)
    assert await waiting(setting, 1e9) == []
    assert counted(setting, "dropped") == 1


async def test_truths_make_room_for_each_other_and_say_what_they_drop(setting: Setting) -> None:
    """They were acknowledged elsewhere, so they cannot be refused here."""
    settling = setting.parts.settling
    handler = Truths(RecordStore(setting.connections), settling, parking(setting), setting.now)
    early = [setting.event().manifest.prediction_id for _ in range(5)]
    entries = [
        Entry(f"{number}-0", TruthEntry(prediction_id=id_, truth=Truth(label="yes")))
        for number, id_ in enumerate(early, 1)
    ]
    await handler.handle(setting.partition, FENCE, entries)
    assert len(await waiting(setting, 1e9)) == 3
    assert counted(setting, "dropped") == 2


async def test_truth_that_fits_no_answer_is_passed_over(setting: Setting) -> None:
    settling = setting.parts.settling
    handler = Truths(RecordStore(setting.connections), settling, parking(setting), setting.now)
    known = await setting.predict()
    wrong = [
        TruthEntry(prediction_id=known, truth=Truth(label="yes"), row=4),
        TruthEntry(prediction_id=known, truth=Truth(number=1)),
        TruthEntry(prediction_id=known, truth=Truth(label="yes"), metric="revenue"),
    ]
    await handler.handle(
        setting.partition, FENCE, [Entry(f"{at}-0", entry) for at, entry in enumerate(wrong, 1)]
    )
    assert (await setting.arm("a")).rewards == 0
    assert counted(setting, "unmatched") == 2
