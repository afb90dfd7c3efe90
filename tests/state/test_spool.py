"""The spool: bounded, in order, exact about what it dropped, readable after whoever wrote it was killed."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent

from services.foundation.errors import InvalidArgument
from services.state.events import Batch, seal
from services.state.segments import MAGIC
from services.state.spool import OLDEST_NS, Spool

NOW = 1_700_000_000_000_000_000
LARGE = 1024 * 1024


@pytest.fixture
def opened(tmp_path: Path) -> Iterator["Opened"]:
    spools = Opened(tmp_path)
    yield spools
    spools.close_all()


class Opened:
    """Spools of one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = NOW
        self._spools: list[Spool] = []

    def __call__(self, writer: str, most_bytes: int = LARGE) -> Spool:
        spool = Spool(self.directory, writer, most_bytes=most_bytes, clock=lambda: self.now)
        spool.open()
        self._spools.append(spool)
        return spool

    def close(self, spool: Spool) -> None:
        self._spools.remove(spool)
        spool.close()

    def close_all(self) -> None:
        for spool in list(self._spools):
            self.close(spool)

    def files(self) -> list[Path]:
        return sorted(self.directory.glob("*.spool"))


def event(second: int, size: int = 0) -> bytes:
    message = PredictionEvent(request_id="x" * size)
    message.time.FromNanoseconds(NOW + second * 1_000_000_000)
    return message.SerializeToString()


def batch(sequence: int, *, partition: int = 1, writer: str = "w1", events: int = 1, size: int = 0) -> Batch:
    """A batch whose events happened `sequence` seconds after NOW."""
    predictions = [event(sequence, size)] * events
    return seal(EventBatch(writer=writer, sequence=sequence, predictions=predictions), partition, sequence)


def fill(spool: Spool, batches: Iterable[Batch]) -> None:
    for one in batches:
        spool.append(one)


def drained(spool: Spool) -> list[Batch]:
    """Everything, as it would be sent: head by head."""
    found: list[Batch] = []
    while heads := spool.heads(LARGE):
        found += heads
        spool.remove(heads)
    return found


def told(batches: Iterable[Batch]) -> tuple[list[int], int]:
    """The sequences with events, and how many events the gaps count."""
    batches = list(batches)
    lost = sum(EventBatch.FromString(one.payload).gap.events for one in batches)
    return [one.sequence for one in batches if one.events], lost


def test_first_in_is_first_out_and_unchanged(opened: Opened) -> None:
    spool, batches = opened("w1"), [batch(sequence) for sequence in range(1, 50)]
    fill(spool, batches)
    assert (spool.batches, spool.events) == (49, 49)
    assert drained(spool) == batches
    assert (spool.batches, spool.events, spool.size) == (0, 0, 0)


def test_a_round_has_one_batch_of_each_partition(opened: Opened) -> None:
    spool = opened("w1")
    fill(spool, [batch(1), batch(2), batch(1, partition=2), batch(2, partition=2)])
    heads = spool.heads(LARGE)
    assert [(one.partition, one.sequence) for one in heads] == [(1, 1), (2, 1)]
    assert spool.heads(LARGE) == heads, "what was not removed comes again"
    spool.remove(heads[1:])
    assert [(one.partition, one.sequence) for one in spool.heads(LARGE)] == [(1, 1), (2, 2)]


def test_a_full_partition_can_be_left_out(opened: Opened) -> None:
    spool = opened("w1")
    fill(spool, [batch(1), batch(1, partition=2)])
    assert [one.partition for one in spool.heads(LARGE, {(1, "w1")})] == [2]
    assert spool.heads(LARGE, {(1, "w1"), (2, "w1")}) == []


def test_small_rounds_reach_every_partition(opened: Opened) -> None:
    spool = opened("w1")
    fill(spool, [batch(sequence, partition=one) for sequence in (1, 2) for one in range(5)])
    reached = set()
    for _ in range(5):
        heads = spool.heads(1)
        reached |= {one.partition for one in heads}
        spool.remove(heads)
    assert reached == set(range(5))


def test_holds_tells_which_partitions_must_queue(opened: Opened) -> None:
    spool = opened("w1")
    fill(spool, [batch(1, partition=3)])
    assert [one for one in range(5) if spool.holds(one)] == [3]
    drained(spool)
    assert not spool.holds(3)


def test_nothing_is_left_on_disk_of_what_was_drained(opened: Opened, tmp_path: Path) -> None:
    spool = opened("w1")
    fill(spool, (batch(sequence, size=10_000) for sequence in range(1, 50)))
    drained(spool)
    opened.close(spool)
    assert list(tmp_path.iterdir()) == []


def test_past_the_cap_the_oldest_go_and_are_counted(opened: Opened) -> None:
    spool = opened("w1", 64 * 1024)
    fill(spool, (batch(sequence, events=3, size=500) for sequence in range(1, 201)))
    found = drained(spool)
    gap = EventBatch.FromString(found[0].payload)
    kept, lost = told(found)
    assert kept == list(range(kept[0], 201)), "what is left is the newest, without holes"
    assert 0 < len(kept) < 200
    assert lost == 3 * (200 - len(kept)) == spool.dropped
    assert (gap.sequence, len(found)) == (kept[0] - 1, len(kept) + 1), "one gap, in the place of all"


def test_a_gap_covers_the_times_of_what_was_dropped(opened: Opened) -> None:
    spool = opened("w1", 64 * 1024)
    fill(spool, (batch(sequence, size=1500) for sequence in range(1, 201)))
    gap, *rest = drained(spool)
    said = EventBatch.FromString(gap.payload).gap
    assert said.first.ToNanoseconds() == NOW + 1_000_000_000
    assert said.last.ToNanoseconds() == NOW + (rest[0].sequence - 1) * 1_000_000_000


def test_the_files_stay_within_the_cap(opened: Opened) -> None:
    spool = opened("w1", 64 * 1024)
    for sequence in range(1, 300):
        spool.append(batch(sequence, partition=sequence % 3, size=sequence % 7 * 200))
        assert sum(path.stat().st_size for path in opened.files()) == spool.size <= 64 * 1024


def test_a_batch_larger_than_the_spool_is_a_gap(opened: Opened) -> None:
    spool = opened("w1", 8 * 1024)
    dropped = spool.append(batch(1, events=2, size=20_000))
    assert [facts.sequence for facts in dropped] == [1]
    assert told(drained(spool)) == ([], 2)


def test_what_was_tried_is_never_dropped(opened: Opened) -> None:
    """Redis may have it: dropping it would count as lost what is not."""
    spool = opened("w1", 64 * 1024)
    fill(spool, [batch(1), batch(1, partition=2)])
    assert len(spool.heads(LARGE)) == 2
    fill(spool, (batch(sequence, size=1500) for sequence in range(2, 300)))
    found = drained(spool)
    assert [(one.partition, one.sequence) for one in found[:2]] == [(1, 1), (2, 1)]
    kept, lost = told(found)
    assert len(kept) + lost == 300


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_each_event_is_either_delivered_or_counted(opened: Opened, seed: int) -> None:
    """Appends, rounds, refusals, deaths and takeovers at random: per partition the sequences ascend, and what
    came out and the gaps add up to what went in."""
    rng = random.Random(seed)
    spool, put, got = opened("w0", 48 * 1024), defaultdict[int, int](int), list[Batch]()
    for step in range(1, 400):
        act = rng.random()
        if act < 0.85:
            events, partition = rng.randint(1, 4), rng.randrange(3)
            spool.append(
                batch(step, partition=partition, events=events, size=rng.randint(0, 900)),
                tried=act < 0.05 and not spool.holds(partition),
            )
            put[partition] += events
        elif act < 0.95:
            heads = [one for one in spool.heads(rng.choice([1, LARGE])) if rng.random() < 0.7]
            got += heads
            spool.remove(heads)
        else:
            opened.close(spool)
            spool = opened(f"w{step}", 48 * 1024)
            spool.take_over()
    got += drained(spool)
    out: dict[int, int] = defaultdict(int)
    for one in got:
        out[one.partition] += one.events + one.lost
    assert out == put
    for partition in put:
        sequences = [one.sequence for one in got if one.partition == partition]
        assert sequences == sorted(set(sequences))
    assert spool.size == 0


def test_a_live_writers_files_are_not_taken(opened: Opened) -> None:
    fill(opened("w1"), [batch(1)])
    other = opened("w2")
    other.take_over()
    assert other.batches == 0
    assert len(opened.files()) == 1


def test_a_dead_writers_batches_are_taken_with_their_names(opened: Opened, tmp_path: Path) -> None:
    first, left = opened("w1"), [batch(1), batch(2), batch(1, partition=2)]
    fill(first, left)
    opened.close(first)
    heir = opened("w2")
    heir.take_over()
    fill(heir, [batch(1, writer="w2")])
    assert (heir.batches, heir.events) == (4, 4)
    assert sorted(drained(heir), key=lambda one: one.writer)[:3] == [left[0], left[2], left[1]]
    opened.close(heir)
    assert list(tmp_path.iterdir()) == []


def test_of_two_heirs_one_inherits(opened: Opened) -> None:
    first = opened("w1")
    fill(first, [batch(1)])
    opened.close(first)
    heirs = [opened("w2"), opened("w3")]
    for heir in heirs:
        heir.take_over()
    assert [heir.batches for heir in heirs] == [1, 0]


def test_an_heirs_heir_inherits_all(opened: Opened) -> None:
    for number in range(1, 4):
        spool = opened(f"w{number}")
        spool.take_over()
        fill(spool, [batch(1, writer=f"w{number}")])
        opened.close(spool)
    last = opened("w4")
    last.take_over()
    assert sorted(one.writer for one in drained(last)) == ["w1", "w2", "w3"]


@pytest.mark.parametrize("cut", [1, 40, 80])
def test_a_torn_end_costs_only_the_batch_that_was_being_written(opened: Opened, cut: int) -> None:
    spool = opened("w1")
    fill(spool, (batch(sequence) for sequence in range(1, 6)))
    opened.close(spool)
    (path,) = opened.files()
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - cut)
    heir = opened("w2")
    heir.take_over()
    assert told(drained(heir)) == ([1, 2, 3, 4], 0)
    assert opened.files() == []


def test_a_flipped_bit_ends_what_can_be_trusted(opened: Opened) -> None:
    spool = opened("w1")
    fill(spool, (batch(sequence, size=100) for sequence in range(1, 6)))
    opened.close(spool)
    (path,) = opened.files()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    heir = opened("w2")
    heir.take_over()
    assert told(drained(heir)) == ([1, 2], 0)


def test_a_death_between_counting_and_deleting_counts_once(opened: Opened) -> None:
    """The gap is on disk before the segment goes; whoever finds both believes the gap."""
    spool = opened("w1", 64 * 1024)
    fill(spool, (batch(sequence, size=1500) for sequence in range(1, 5)))
    oldest = opened.files()[0]
    content = oldest.read_bytes()
    fill(spool, (batch(sequence, size=1500) for sequence in range(5, 100)))
    assert oldest not in opened.files()
    opened.close(spool)
    oldest.write_bytes(content)
    heir = opened("w2")
    heir.take_over()
    kept, lost = told(drained(heir))
    assert len(kept) + lost == 99
    assert kept == list(range(kept[0], 100))


def test_what_redis_may_have_and_has_forgotten_becomes_a_gap(opened: Opened) -> None:
    """Only the first batch of each partition can have been sent; a week later it might count twice."""
    spool = opened("w1")
    fill(spool, [batch(1, events=2), batch(2, events=3)])
    opened.close(spool)
    opened.now = opened.files()[0].stat().st_mtime_ns + OLDEST_NS + 1
    heir = opened("w2")
    assert [facts.sequence for facts in heir.take_over()] == [1]
    assert told(drained(heir)) == ([2], 2)
    assert heir.dropped == 2


def test_what_redis_has_is_not_taken_over(opened: Opened) -> None:
    spool = opened("w1")
    fill(spool, (batch(sequence) for sequence in range(1, 6)))
    for _ in range(3):
        spool.remove(spool.heads(LARGE))
    opened.close(spool)
    heir = opened("w2")
    heir.take_over()
    assert (heir.batches, told(drained(heir))) == (2, ([4, 5], 0))


def test_a_file_of_a_newer_version_is_left_alone(opened: Opened, tmp_path: Path) -> None:
    newer = tmp_path / "w9.00000001.spool"
    newer.write_bytes(MAGIC.replace(b"1", b"2") + b"whatever")
    spool = opened("w1")
    spool.take_over()
    assert spool.batches == 0
    opened.close(spool)
    assert newer.exists()


def test_a_failing_disk_keeps_what_was_there(opened: Opened, tmp_path: Path) -> None:
    spool = opened("w1", 16 * 1024)
    fill(spool, [batch(1, size=2000)])
    tmp_path.rename(away := tmp_path.with_name("away"))
    with pytest.raises(FileNotFoundError):
        spool.append(batch(2, size=2000))
    away.rename(tmp_path)
    fill(spool, [batch(3, size=2000)])
    assert told(drained(spool)) == ([1, 3], 0)


def test_a_writer_that_is_no_file_name_is_refused(opened: Opened) -> None:
    with pytest.raises(InvalidArgument, match="writer"):
        opened("../w1")
