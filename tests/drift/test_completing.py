"""Late outcomes come into their records: once, whichever way entries are delivered."""

import time

import numpy as np
import pytest
from turnout.inference.v1.event_pb2 import EventBatch, ParticipantEvent, PredictionEvent
from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_DISCARDED,
    OUTCOME_PENDING,
    OUTCOME_TIMED_OUT,
    PARTICIPANT_ROLE_SHADOW,
    Participant,
)
from turnout.inference.v1.output_pb2 import Output

from services.drift.build import handler_of
from services.drift.completing import completed
from services.drift.consumer import GROUP
from services.state import formats, keys
from services.state.connection import Connections
from services.state.fenced import Fence
from services.state.records import RecordStore
from tests.drift.traffic import PARTITION, entry, prediction

SHADOW = Participant(
    model="models/next", variant="next", role=PARTICIPANT_ROLE_SHADOW, outcome=OUTCOME_PENDING
)


def mirrored(seed: int = 1) -> PredictionEvent:
    event = prediction(np.random.default_rng(seed))
    event.manifest.participants.append(SHADOW)
    return event


def late(event: PredictionEvent, **told: object) -> ParticipantEvent:
    made = ParticipantEvent(
        format=formats.PARTICIPANT_EVENT, prediction_id=event.manifest.prediction_id, index=1
    )
    made.participant.CopyFrom(SHADOW)
    made.participant.outcome = OUTCOME_DISCARDED
    made.participant.agrees = True
    made.output.text.content = "yes"
    for name, value in told.items():
        setattr(made, name, value)
    return made


def test_an_outcome_takes_the_place_of_the_pending_one() -> None:
    event = mirrored()
    assert completed(event, late(event))
    assert event.manifest.participants[1] == late(event).participant
    assert [(one.participant, one.output) for one in event.outputs] == [(1, late(event).output)]


def test_it_comes_in_once() -> None:
    event = mirrored()
    assert completed(event, late(event))
    before = event.SerializeToString(deterministic=True)
    assert not completed(event, late(event))
    other = late(event)
    other.participant.outcome = OUTCOME_TIMED_OUT
    assert not completed(event, other)
    assert event.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("index", [-1, 0, 2])
def test_an_outcome_of_nobody_who_is_pending_changes_nothing(index: int) -> None:
    event = mirrored()
    assert not completed(event, late(event, index=index))
    assert event.manifest.participants[1].outcome == OUTCOME_PENDING
    assert not event.outputs


async def test_entries_that_come_again_lead_to_the_same_record(connections: Connections) -> None:
    event = mirrored()
    fence = Fence.of(PARTITION, GROUP, 1)
    await connections.steady.set(keys.token(PARTITION, GROUP), "1")
    told = entry("1-1", EventBatch(predictions=[event.SerializeToString()]))
    ended = entry("1-2", EventBatch(participants=[late(event).SerializeToString()]))
    handle = handler_of(connections, time.time).handle
    records = RecordStore(connections)
    for delivery in ([told, ended], [told, ended], [ended], [told], [ended]):
        await handle(PARTITION, fence, delivery)
    record = await records.read(event.manifest.prediction_id)
    assert record is not None
    assert record.entry_id == "1-1"
    assert record.event.manifest.participants[1].outcome == OUTCOME_DISCARDED
    assert record.event.manifest.participants[1].agrees
    assert [one.output for one in record.event.outputs] == [Output(text={"content": "yes"})]


async def test_an_outcome_without_a_record_is_let_go(connections: Connections) -> None:
    event = mirrored(2)
    await connections.steady.set(keys.token(PARTITION, GROUP), "1")
    ended = entry("1-1", EventBatch(participants=[late(event).SerializeToString()]))
    await handler_of(connections, time.time).handle(PARTITION, Fence.of(PARTITION, GROUP, 1), [ended])
    assert await RecordStore(connections).read(event.manifest.prediction_id) is None
