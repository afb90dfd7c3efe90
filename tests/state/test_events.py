"""The event streams: a batch is there once, and a full stream says so."""

import asyncio

import pytest
from turnout.inference.v1.event_pb2 import EventBatch, ParticipantEvent, PredictionEvent

from services.state import keys
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.errors import StateUnavailable, StoreFull
from services.state.events import (
    BATCH_FIELD,
    WRITTEN_SECONDS,
    Batch,
    Loss,
    Outcome,
    append,
    append_many,
    seal,
    times,
)

PARTITION = 7


def batch(*events: bytes) -> EventBatch:
    return EventBatch(predictions=events)


def sealed(sequence: int, *events: bytes, writer: str = "w1", partition: int = PARTITION) -> Batch:
    return seal(EventBatch(writer=writer, sequence=sequence, predictions=events), partition)


async def stored(connections: Connections, partition: int = PARTITION) -> list[EventBatch]:
    entries = await connections.steady.xrange(keys.events(partition))
    return [EventBatch.FromString(fields[BATCH_FIELD]) for _, fields in entries]


async def totals(connections: Connections) -> dict[str, int]:
    found = await connections.steady.hgetall(keys.totals(keys.events(PARTITION)))
    return {name.decode(): int(count) for name, count in found.items()}


async def test_a_batch_is_one_entry_with_its_writer_and_sequence(connections: Connections) -> None:
    assert await append(connections, PARTITION, batch(b"a", b"b"), "w1", 1) is Outcome.APPENDED
    (found,) = await stored(connections)
    assert (found.format, found.writer, found.sequence) == (1, "w1", 1)
    assert list(found.predictions) == [b"a", b"b"]


async def test_a_serialized_batch_is_appended_like_a_message(connections: Connections) -> None:
    await append(connections, PARTITION, batch(b"a").SerializeToString(), "w1", 1)
    assert [list(one.predictions) for one in await stored(connections)] == [[b"a"]]


async def test_a_sequence_that_was_seen_is_refused(connections: Connections) -> None:
    for sequence in (1, 2):
        assert await append(connections, PARTITION, batch(b"a"), "w1", sequence) is Outcome.APPENDED
    for sequence in (2, 1):
        assert await append(connections, PARTITION, batch(b"a"), "w1", sequence) is Outcome.DUPLICATE
    assert [one.sequence for one in await stored(connections)] == [1, 2]


async def test_of_many_at_once_one_appends(connections: Connections) -> None:
    tries = [append(connections, PARTITION, batch(b"a"), "w1", 1) for _ in range(20)]
    outcomes = await asyncio.gather(*tries)
    assert sorted(outcomes) == [Outcome.APPENDED] + [Outcome.DUPLICATE] * 19
    assert len(await stored(connections)) == 1


async def test_writers_count_for_themselves_and_per_partition(connections: Connections) -> None:
    for writer, partition in (("w1", 7), ("w2", 7), ("w1", 8)):
        assert await append(connections, partition, batch(b"a"), writer, 1) is Outcome.APPENDED
    assert len(await stored(connections, 7)) == 2
    assert len(await stored(connections, 8)) == 1


async def test_totals_count_what_was_appended_and_lost_but_no_duplicates(connections: Connections) -> None:
    message = EventBatch(predictions=[b"a", b"b"], participants=[b"c"], gap=Loss(5, 10, 20).gap())
    for _ in range(2):
        await append(connections, PARTITION, message, "w1", 1)
    await append(connections, PARTITION, batch(b"d"), "w1", 2)
    counted = await totals(connections)
    assert (counted["entries"], counted["events"], counted["events_lost"]) == (2, 4, 5)
    assert counted["bytes"] == sum(one.ByteSize() for one in await stored(connections))


async def test_a_writer_is_remembered_for_a_week_after_its_last_batch(connections: Connections) -> None:
    await append(connections, PARTITION, batch(b"a"), "w1", 1)
    left = await connections.steady.ttl(keys.written(PARTITION, "w1"))
    assert WRITTEN_SECONDS - 60 < left <= WRITTEN_SECONDS


async def test_a_full_stream_refuses_until_its_readers_have_trimmed(connections: Connections) -> None:
    size = len(sealed(1, b"x" * 100).payload)
    for sequence in (1, 2, 3):
        await append(connections, PARTITION, batch(b"x" * 100), "w1", sequence, most_bytes=3 * size)
    with pytest.raises(StoreFull) as full:
        await append(connections, PARTITION, batch(b"x" * 100), "w1", 4, most_bytes=3 * size)
    assert full.value.facts["partition"] == str(PARTITION)
    assert len(await stored(connections)) == 3

    first, _ = (await connections.steady.xrange(keys.events(PARTITION)))[1]
    await connections.steady.xtrim(keys.events(PARTITION), minid=first, approximate=False)
    for sequence, outcome in ((4, Outcome.APPENDED), (4, Outcome.DUPLICATE)):
        again = append(connections, PARTITION, batch(b"x" * 100), "w1", sequence, most_bytes=3 * size)
        assert await again is outcome
    with pytest.raises(StoreFull):
        await append(connections, PARTITION, batch(b"x" * 100), "w1", 5, most_bytes=3 * size)


async def test_a_batch_larger_than_the_cap_fits_into_an_empty_stream(connections: Connections) -> None:
    for sequence in (1, 2):
        large = append(connections, PARTITION, batch(b"x" * 1000), "w1", sequence, most_bytes=100)
        assert await large is Outcome.APPENDED
        await connections.steady.xtrim(keys.events(PARTITION), maxlen=0, approximate=False)


async def test_one_round_trip_tells_each_batch_its_own_outcome(connections: Connections) -> None:
    await append(connections, PARTITION, batch(b"a"), "w1", 1)
    await connections.steady.script_flush()  # as after a restart of the server
    room = len(sealed(1, b"a").payload)
    batches = [sealed(1, b"a"), sealed(1, b"a", writer="w2"), sealed(1, b"a", partition=8)]
    outcomes = await append_many(connections.steady, batches, most_bytes=room)
    assert outcomes == [Outcome.DUPLICATE, Outcome.FULL, Outcome.APPENDED]
    assert [outcome.stored for outcome in outcomes] == [True, False, True]


async def test_a_malformed_batch_fails_alone(connections: Connections) -> None:
    batches = [sealed(0, b"a"), sealed(1, b"a", partition=8)]
    assert await append_many(connections.steady, batches) == [Outcome.FAILED, Outcome.APPENDED]
    assert await stored(connections) == []


async def test_an_unknown_outcome_is_said(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        await append(connections, PARTITION, batch(b"a"), "w1", 1)
        await redis_server.kill()
        with pytest.raises(StateUnavailable):
            await append(connections, PARTITION, batch(b"a"), "w1", 2)
        with pytest.raises(StateUnavailable):
            await append_many(connections.hot, [sealed(2, b"a")])


def test_the_times_of_a_batch_cover_all_that_it_carries() -> None:
    early, late = PredictionEvent(), PredictionEvent()
    early.time.FromNanoseconds(1_700_000_000_000_000_000)
    late.time.FromNanoseconds(1_700_000_009_000_000_000)
    message = EventBatch(predictions=[b.SerializeToString() for b in (late, early)])
    assert times(message, 5) == (1_700_000_000_000_000_000, 1_700_000_009_000_000_000)
    message.gap.CopyFrom(Loss(1, 1_600_000_000_000_000_000, 1_800_000_000_000_000_000).gap())
    assert times(message, 5) == (1_600_000_000_000_000_000, 1_800_000_000_000_000_000)


def test_a_participants_time_is_that_of_its_prediction() -> None:
    event = ParticipantEvent(prediction_id="018bcfe5-69f4-7000-8591-b7582265b1f5")
    message = EventBatch(participants=[event.SerializeToString()])
    assert times(message, 5) == (1_700_000_000_500_000_000, 1_700_000_000_500_000_000)


def test_events_that_do_not_say_their_time_count_as_of_now() -> None:
    """A zero would blame every bucket since 1970 for the gap."""
    silent = [PredictionEvent().SerializeToString(), b"\xff not a message"]
    assert times(EventBatch(predictions=silent, participants=[b"\xff"]), 5) == (5, 5)
