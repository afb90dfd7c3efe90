"""Labels folded by a partition's owner: in the order of predictions, once, whoever does it and dies."""

import random
import time
from collections.abc import Sequence

import pytest
from turnout.drift.v1.concept_pb2 import CONCEPT_STATUS_DRIFT, CONCEPT_STATUS_OK, ConceptDetection
from turnout.inference.v1.event_pb2 import PredictionEvent, TruthEntry
from turnout.inference.v1.manifest_pb2 import DECISION_MODE_ENSEMBLE

from services.drift.concept.folder import SOON_SECONDS, Folder
from services.drift.concept.minutes import MinuteReader
from services.drift.concept.noting import UNKNOWN, Noting
from services.drift.concept.rewards import RewardFolder
from services.drift.concept.store import ConceptStore
from services.state import concept_keys, formats, ids, keys
from services.state.connection import Connections
from services.state.consumer import Entry
from services.state.errors import LostLease
from services.state.fenced import Fence
from services.state.group import Group
from services.state.ownership import Ownership
from services.state.records import RecordStore, RecordWriter
from services.state.streams import TRUTH
from services.state.truth import TruthLog
from tests.drift.performance.worlds import labelled, outside
from tests.thorough import cases

# Redis forgets by its own clock; the beginning of a minute, so that nothing hangs on where in one it is.
NOW = time.time() // 60 * 60
MODEL, UID = "models/folded", ids.new_uid(NOW - 1e6, random.Random(1))
PARTITION = ids.partition_for(UID)
SETTLE = 600.0
DETECTION = ConceptDetection(learning_labels=100, labels_between_alarms=1000)


def heard() -> float:
    """When what has been told in a test has come: Redis dates it by its own clock."""
    return time.time() + 60


def settled() -> float:
    """When its labels had their time."""
    return heard() + SETTLE


class Process:
    """A process of drift; `now` is when it looks."""

    def __init__(self, connections: Connections, token: int = 1) -> None:
        self.connections, self.now = connections, NOW
        self.store = ConceptStore(connections)
        self.noting = Noting(self.store, RecordStore(connections))
        self.groups = [Group(connections, "drift", TRUTH)]
        reader = MinuteReader(connections, RecordStore(connections), self.store, self.groups)
        ownership = Ownership(connections, "drift", f"owner-{token}", rng=random.Random(token))
        rewards = RewardFolder(self.store, reader, lambda: self.now, SETTLE)
        self.folder = Folder(self.noting, self.store, reader, ownership, lambda: self.now, SETTLE, rewards)
        self.fence = Fence.of(PARTITION, "drift", token)

    async def lead(self) -> None:
        """Own the partition."""
        await self.connections.steady.set(self.fence.key, self.fence.token)

    async def read(self, count: int = 1000) -> None:
        """Note what lies in the truth stream, as its consumer does."""
        (group,) = self.groups
        last = await group.open(PARTITION, self.fence)
        if last is None:
            raise LostLease("another owns it", retry_after=1.0)
        raw = (await group.read({PARTITION: last}, count, 0.01)).get(PARTITION, [])
        if raw:
            entries = [Entry(one.id, TRUTH.decode(one.payload)) for one in raw]
            await self.noting.handle(PARTITION, self.fence, entries)
            await group.commit(PARTITION, self.fence, raw[-1].id, len(raw))

    async def fold(self) -> None:
        await self.folder.fold(PARTITION, self.fence)

    async def blob(self) -> bytes | None:
        """The state as it is stored."""
        found: bytes | None = await self.connections.steady.get(concept_keys.concept(PARTITION, UID))
        return found


@pytest.fixture
async def process(connections: Connections) -> Process:
    made = Process(connections)
    made.now = heard()
    await made.lead()
    await made.store.configure(UID, DETECTION)
    return made


def predictions(count: int, seed: int = 2, before: float = 3600.0) -> list[PredictionEvent]:
    """One every ten seconds, the first of them `before` seconds ago."""
    rng = random.Random(seed)
    return [
        labelled(outside(MODEL, UID, rng, made=NOW - before + 10 * number), "yes") for number in range(count)
    ]


async def record(process: Process, those: Sequence[PredictionEvent]) -> None:
    await RecordWriter(process.connections).write(PARTITION, process.fence, "1-0", those)


async def tell(process: Process, event: PredictionEvent, label: str, observed: float = NOW) -> None:
    entry = TruthEntry(format=formats.TRUTH, prediction_id=event.manifest.prediction_id, row=0)
    entry.truth.label, entry.feedback_id = label, f"{observed}"
    entry.observed_at.FromMicroseconds(int(observed * 1e6))
    await TruthLog(process.connections).append(entry, 1e8)


def wrong(event: PredictionEvent, rate: float = 0.1) -> str:
    """A label that is not the answer for a share of the predictions; it hangs on its place alone."""
    place = round(ids.time_of(event.manifest.prediction_id) - NOW)
    return "no" if random.Random(place).random() < rate else "yes"


async def in_order(process: Process, those: Sequence[PredictionEvent]) -> bytes:
    """The state where everything came once and in order."""
    await record(process, those)
    for event in those:
        await tell(process, event, wrong(event))
    await process.read()
    process.now = settled()
    await process.fold()
    whole = await process.blob()
    assert whole is not None
    return whole


@pytest.mark.parametrize("seed", range(cases(2, 3)))
async def test_any_order_of_labels_and_records_and_any_change_of_owners_gives_the_same_state(
    process: Process, seed: int
) -> None:
    those = predictions(300)
    whole = await in_order(process, those)
    await process.connections.steady.flushdb()

    rng, token, owner = random.Random(seed), 1, Process(process.connections)
    # Where records are still to come, no minute is over: their stream is not read to its end.
    unrecorded = seed > 0
    await owner.lead()
    await owner.store.configure(UID, DETECTION)
    happenings = [(event, "label") for event in those]
    if unrecorded:
        happenings += [(event, "record") for event in those]
    else:
        await record(owner, those)
    happenings += rng.sample(happenings, 100)
    rng.shuffle(happenings)
    for event, what in happenings:
        if what == "record":
            await record(owner, [event])
        else:
            await tell(owner, event, wrong(event))
        if rng.random() < 0.1:
            token += 1
            owner = Process(process.connections, token)
            await owner.lead()
        owner.now = NOW - 7200 if unrecorded else heard()
        if rng.random() < 0.3:
            await owner.read(rng.randrange(1, 40))
            await owner.fold()
    await owner.read()
    owner.now = settled()
    await owner.fold()
    assert await owner.blob() == whole
    assert sum(one.late for one in (await owner.store.progress(PARTITION)).labels.values()) == 0


async def test_a_writer_that_dies_before_or_after_any_write_counts_each_label_once(process: Process) -> None:
    those = predictions(120)
    await record(process, those)
    for event in those:
        await tell(process, event, wrong(event))
    await process.read()
    process.now = settled()
    for token in range(2, 12):
        dying = Process(process.connections, token)
        await dying.lead()
        dying.now = process.now
        await dying.noting.handle(PARTITION, dying.fence, await entries(dying))
        minute = min((await dying.store.progress(PARTITION)).labels[UID].waiting, default=None)
        if minute is None:
            break
        # The first process thinks that it leads, and is told otherwise.
        with pytest.raises(LostLease):
            await process.fold()
        # It folds one minute, and dies without a word.
        async with dying.noting.locks[PARTITION]:
            progress = await dying.noting.take(PARTITION, dying.fence)
            assert await dying.folder._first(PARTITION, dying.fence, progress, UID)
    last = Process(process.connections, 99)
    await last.lead()
    last.now = process.now
    await last.fold()
    found = await last.store.read(UID)
    assert {signal.rows for signal in found.signals} == {120}


async def entries(process: Process) -> list[Entry[TruthEntry]]:
    """Everything that lies in the stream, once more."""
    raw = await process.connections.steady.xrange(TRUTH.key(PARTITION))
    return [Entry(name.decode(), TRUTH.decode(fields[TRUTH.field])) for name, fields in raw]


async def test_labels_wait_for_others_and_what_is_late_is_told(process: Process) -> None:
    those = predictions(30)
    await record(process, those)
    for event in those[6:12]:
        await tell(process, event, "yes")
    await process.read()
    await process.fold()
    assert await process.blob() is None
    await tell(process, those[0], "no")
    await process.read()
    later, sooner = sorted(
        (await process.store.progress(PARTITION)).labels[UID].waiting.values(), reverse=True
    )
    process.now = (later + sooner) / 2000 + SETTLE
    await process.fold()
    # The newer minute has had its time, and waits for the older one, whose first label came after.
    assert await process.blob() is None
    process.now = settled() + SETTLE
    await process.fold()
    found = await process.store.read(UID)
    assert {signal.rows for signal in found.signals} == {7}
    await tell(process, those[1], "no")
    await tell(process, those[6], "no", NOW + 1)
    await process.read()
    await process.fold()
    again = await process.store.read(UID)
    assert {(signal.rows, signal.late_labels) for signal in again.signals} == {(7, 2)}


async def test_what_is_labelled_without_a_gap_is_folded_at_once(process: Process) -> None:
    those = predictions(60)
    await record(process, those)
    for event in those[:30]:
        await tell(process, event, wrong(event))
    await process.read()
    await process.fold()
    (rows,) = {signal.rows for signal in (await process.store.read(UID)).signals}
    last_whole = max(
        ids.minute_of(event.manifest.prediction_id)
        for event in those[:30]
        if ids.minute_of(event.manifest.prediction_id) < ids.minute_of(those[30].manifest.prediction_id)
    )
    assert rows == sum(ids.minute_of(event.manifest.prediction_id) <= last_whole for event in those[:30])


async def test_a_drift_of_the_concept_is_found_and_shown(process: Process) -> None:
    await process.store.configure(UID, ConceptDetection(learning_labels=200))
    those = predictions(900, before=9000.0)
    await record(process, those)
    for number, event in enumerate(those):
        await tell(process, event, wrong(event, 0.1 if number < 600 else 0.7))
    await process.read()
    await process.fold()
    found = await process.store.read(UID)
    assert found.status == CONCEPT_STATUS_DRIFT
    assert abs(found.since.seconds - ids.time_of(those[600].manifest.prediction_id)) < 600
    assert "shiryaev_roberts" in found.summary
    assert {signal.metric for signal in found.signals} == {"error"}
    # An alarm is no verdict of who is not listened to.
    await process.store.configure(UID, ConceptDetection(learning_labels=200, epoch=1))
    assert (await process.store.read(UID)).status not in (CONCEPT_STATUS_DRIFT, CONCEPT_STATUS_OK)


async def test_labels_of_a_jury_are_of_every_member_that_still_bears_its_name(process: Process) -> None:
    event = labelled(outside(MODEL, UID, random.Random(4), made=NOW - 600), "yes")
    event.manifest.decision.mode = DECISION_MODE_ENSEMBLE
    event.manifest.participants.add().CopyFrom(event.manifest.participants[0])
    event.manifest.participants[1].model = "models/newer"
    event.outputs.add(participant=1).output.classification.label = "no"
    await record(process, [event])
    await tell(process, event, "no")
    newer = ids.new_uid(NOW, random.Random(5))
    await process.connections.steady.hset(
        keys.catalog_names("models"), mapping={MODEL: UID, "models/newer": newer}
    )
    await process.read()
    process.now = settled()
    await process.fold()
    assert (await process.store.read(UID)).signals[0].rows == 1
    assert not (await process.store.read(newer)).signals


async def test_a_minute_that_was_seen_half_labelled_is_looked_at_soon_again_when_labels_come(
    process: Process,
) -> None:
    """A file of labels that comes in pieces is not put off for minutes by its first one."""
    those = predictions(6, before=3600.0)
    await record(process, those)
    for event in those[:3]:
        await tell(process, event, wrong(event))
    await process.read()
    await process.fold()
    for event in those[3:]:
        await tell(process, event, wrong(event))
    await process.read()
    process.now += SOON_SECONDS
    await process.fold()
    (stream,) = (await process.store.states(PARTITION, [UID]))[UID].streams
    assert stream.rows == 6


async def test_a_minute_before_the_one_that_rests_is_looked_at_though_it_has_as_many_labels(
    process: Process,
) -> None:
    """Labels in no order: those of the later minute first, as many then of the one before it."""
    earlier, later = predictions(6, before=7200.0), predictions(6, before=3600.0)
    await record(process, [*earlier, *later])
    for half in (later, earlier):
        for event in half:
            await tell(process, event, wrong(event))
        await process.read()
        await process.fold()
    (stream,) = (await process.store.states(PARTITION, [UID]))[UID].streams
    assert stream.rows == 12


async def test_a_router_that_is_labelled_at_once_makes_nobody_late_who_is_labelled_long_after(
    process: Process,
) -> None:
    """Two that share a partition: one is labelled by the minute, the other has its file an hour later."""
    rng = random.Random(5)
    others = (ids.new_uid(NOW - 1e6, rng) for _ in range(10_000))
    other = next(uid for uid in others if ids.partition_for(uid) == PARTITION)
    await process.store.configure(other, DETECTION)
    made = (outside("models/quick", other, rng, made=NOW - 300 + 10 * number) for number in range(12))
    for those in ([labelled(event, "yes") for event in made], predictions(12)):
        await record(process, those)
        for event in those:
            await tell(process, event, wrong(event))
        await process.read()
        process.now += 2 * SOON_SECONDS
        await process.fold()
    found = [await process.store.read(uid) for uid in (other, UID)]
    assert [{(one.rows, one.late_labels) for one in each.signals} for each in found] == [{(12, 0)}] * 2


async def test_a_label_that_comes_before_its_record_is_noted_once_that_is_there(process: Process) -> None:
    those = predictions(6)
    for event in those:
        await tell(process, event, "yes")
    await process.read()
    await process.fold()
    assert set((await process.store.progress(PARTITION)).labels) == {UNKNOWN}
    await record(process, those)
    process.now = settled()
    await process.fold()
    assert {signal.rows for signal in (await process.store.read(UID)).signals} == {6}
    assert set((await process.store.progress(PARTITION)).labels) == {UID}


async def test_a_minute_that_was_looked_at_too_early_is_folded_once_it_is_over(process: Process) -> None:
    those = predictions(6)
    await record(process, those)
    for event in those:
        await tell(process, event, "yes")
    await process.read()
    process.now = NOW
    await process.fold()
    assert await process.blob() is None
    process.now = heard()
    await process.fold()
    assert {signal.rows for signal in (await process.store.read(UID)).signals} == {6}
