"""Sums that are brought up to date are what new ones would be, and only what has changed is read."""

import time
import tracemalloc

import numpy as np
import pytest

from services.drift.baselines import Baseline, measure_columns
from services.drift.buckets import Bucket, cover
from services.drift.cells.blob import FORMAT, Profile, UnreadableProfileError, encode, merged
from services.drift.profile_store import ProfileStore
from services.drift.sums import MOST_WINDOWS, Part, Sum, Sums, summed
from services.state import drift_keys
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.fenced import Fence

SIZES = [40, 7]
PARTITION = 7
FENCE = Fence.of(PARTITION, "drift", 1)
HOUR = 3600


def counts(rng: np.random.Generator, entry: int) -> bytes:
    """A profile with names that the baseline did not know, and counts of any width."""
    columns = rng.integers(0, int(rng.choice([200, 60_000, 2**31, 2**40])), sum(SIZES))
    names = {f"n{rng.integers(6)}": int(rng.integers(1, 9)) for _ in range(int(rng.integers(4)))}
    unseen = {1: names} if names else {}
    return encode(Profile(f"{entry}-0", int(rng.integers(1, 900)), columns, unseen))


@pytest.mark.parametrize("seed", range(30))
def test_a_sum_made_from_another_is_the_sum_of_its_parts(seed: int) -> None:
    rng, before = np.random.default_rng([61, seed]), None
    kept: dict[str, Part] = {}
    for step in range(40):
        # Buckets come, change and go, at times many of them.
        for _ in range(int(rng.integers(0, rng.choice([3, 30])))):
            kept[f"b{rng.integers(40)}"] = Part.of(counts(rng, step))
        for name in list(kept):
            if rng.random() < rng.choice([0.02, 0.5]):
                del kept[name]
        parts = dict(kept)
        total = summed(parts, SIZES, before)
        whole = merged((part.blob for part in parts.values()), SIZES)
        assert encode(total) == encode(whole)
        assert {at: list(names) for at, names in total.unseen.items()} == {
            at: list(names) for at, names in whole.unseen.items()
        }
        before = Sum.of(frozenset(parts), parts, total)


def kept_sum(*names: str, size: int = 1) -> Sum:
    parts = {name: Part(b"", b"") for name in names}
    return Sum(frozenset(names), parts, merged([], SIZES), size)


def days(*numbers: int, size: int = 1) -> Sum:
    return kept_sum(*(f"day{at}" for at in numbers), size=size)


def test_the_nearest_sum_is_taken_and_kept_in_place_of_those_it_is_near_to() -> None:
    sums = Sums()
    week, hour = days(*range(9)), kept_sum(*(f"hour{at}" for at in range(9)))
    assert sums.nearest("a", week.names) is None
    sums.keep("a", week)
    sums.keep("a", hour)
    assert sums.nearest("a", week.names) is week
    assert sums.nearest("b", week.names) is None
    next_week = days(*range(1, 10))
    sums.keep("a", next_week)
    assert sums.nearest("a", week.names) is next_week
    assert sums.nearest("a", hour.names) is hour
    for more in range(MOST_WINDOWS - 1):
        sums.keep("a", kept_sum(f"more{more}"))
    assert sums.nearest("a", week.names) is next_week
    sums.keep("a", kept_sum("another"))
    assert sums.nearest("a", week.names) is not next_week
    assert sums.bytes == MOST_WINDOWS


def test_as_many_bytes_are_kept_as_may_be_and_the_oldest_go_first() -> None:
    sums = Sums(most_bytes=100)
    quarter, more = 25, 26
    for uid in "abcd":
        sums.keep(uid, days(1, size=quarter))
    assert (sums.bytes, sums.nearest("a", frozenset())) == (100, days(1, size=quarter))
    sums.keep("a", days(1, size=quarter))
    sums.keep("e", days(1, size=1))
    assert [uid for uid in "abcde" if sums.nearest(uid, frozenset()) is None] == ["b"]
    assert sums.bytes == 76
    # One that is too large costs nobody else a thing, but is no longer what it was.
    sums.keep("a", days(1, size=more))
    assert [uid for uid in "abcde" if sums.nearest(uid, frozenset()) is None] == ["a", "b"]
    assert sums.bytes == 51


def test_where_nothing_was_counted_nothing_is_kept() -> None:
    sums = Sums()
    sums.keep("a", kept_sum("day1"))
    sums.keep("a", kept_sum("day1")._replace(parts={}))
    assert (sums.nearest("a", frozenset()), sums.bytes) == (None, 0)
    none = Sums(most_bytes=0)
    none.keep(
        "a", Sum.of(frozenset("a"), {"a": Part.of(counts(np.random.default_rng(1), 1))}, merged([], []))
    )
    assert (none.nearest("a", frozenset()), none.bytes) == (None, 0)


def test_what_a_sum_takes_is_more_than_its_profiles() -> None:
    rng = np.random.default_rng(3)
    blobs = [
        encode(Profile(f"{at}-0", 1, rng.integers(0, 9, 5_000), {0: {f"{at}.{n}": 1 for n in range(99)}}))
        for at in range(20)
    ]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    parts = {f"turnout:{at}": Part.of(bytes(bytearray(blob))) for at, blob in enumerate(blobs)}
    found = Sum.of(frozenset(parts), parts, summed(parts, [5_000], None))
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert 0.7 * taken < found.bytes < 1.5 * taken


class Logged:
    """A baseline whose profiles of an hour each are written by one store and summed by another."""

    def __init__(self, connections: Connections) -> None:
        self.connections, self.redis = connections, connections.steady
        self.writer, self.reader = ProfileStore(connections), ProfileStore(connections, Sums())
        self.now = time.time()
        rows, features = measure_columns({"age": np.arange(500.0).tolist()}, {}, {})
        self.baseline = Baseline("uid", "one", "models/m", "model-uid", rows, features, self.now)
        self.hours = [Bucket("hour", (int(self.now) // HOUR - at) * HOUR) for at in range(1, 24)]

    def place(self, hour: int) -> str:
        """The key of an hour's profile."""
        return drift_keys.profile(PARTITION, self.baseline.uid, self.hours[hour].name)

    async def write(
        self, hour: int, entry: int, rows: int, partition: int = PARTITION, seed: int = 7
    ) -> None:
        """So many rows of an hour, up to an entry."""
        fence = Fence.of(partition, "drift", 1)
        await self.redis.set(*fence)
        ages = np.random.default_rng([seed, rows]).normal(250, 90, rows)
        profile = Profile.of(f"{entry}-0", rows, [self.baseline.features[0].frame.count(ages.tolist())])
        await self.writer.write(partition, fence, self.baseline, {self.hours[hour]: profile}, self.now)

    async def read(self, store: ProfileStore | None = None) -> Profile:
        """The sum of all hours."""
        window = cover(self.hours[-1].start, self.hours[0].start + HOUR, self.now)
        return await (store or self.reader).window(self.baseline, window)

    async def agreed(self) -> int:
        """Rows in the sum, by who has read before; who has not says the same."""
        found = await self.read()
        assert found == await self.read(ProfileStore(self.connections))
        return found.rows

    async def sent(self, store: ProfileStore) -> int:
        """Bytes that Redis sends for a sum, and for saying so."""
        before = await self.redis.info("stats")
        await self.read(store)
        after = await self.redis.info("stats")
        return int(after["total_net_output_bytes"]) - int(before["total_net_output_bytes"])


@pytest.fixture
def logged(connections: Connections) -> Logged:
    return Logged(connections)


async def test_what_has_changed_is_seen_and_the_rest_is_not_read_again(logged: Logged) -> None:
    for hour in range(20):
        await logged.write(hour, 1, 100)
    assert await logged.agreed() == 2000
    anew, again = await logged.sent(ProfileStore(logged.connections)), await logged.sent(logged.reader)
    assert anew - again > 20 * 250
    # Later rows of one hour, the first of another, one that has expired, and the same in a further partition.
    await logged.write(3, 2, 150)
    await logged.write(21, 2, 7)
    assert await logged.agreed() == 2057
    await logged.redis.unlink(logged.place(4))
    assert await logged.agreed() == 1957
    await logged.write(5, 9, 11, partition=63)
    assert await logged.agreed() == 1968
    # Redis has lost its last second, and something else is counted instead, as many rows at last.
    await logged.write(3, 1, 100)
    assert await logged.agreed() == 1918
    await logged.write(3, 2, 149)
    assert await logged.agreed() == 1967
    await logged.write(3, 2, 149, seed=8)
    assert await logged.agreed() == 1967


async def test_a_window_that_moves_on_is_summed_anew(logged: Logged) -> None:
    for hour in range(23):
        await logged.write(hour, 1, 10 + hour)
    for first, last in ((22, 0), (21, 0), (12, 3), (12, 4), (22, 0), (5, 5), (22, 0)):
        window = cover(logged.hours[first].start, logged.hours[last].start + HOUR, logged.now)
        found = await logged.reader.window(logged.baseline, window)
        assert found == await ProfileStore(logged.connections).window(logged.baseline, window)
        assert found.rows == sum(10 + hour for hour in range(last, first + 1))


async def test_what_cannot_be_read_is_told_of_each_time_and_not_remembered(logged: Logged) -> None:
    await logged.write(0, 1, 100)
    await logged.write(1, 1, 100)
    assert await logged.agreed() == 200
    blob = await logged.redis.get(logged.place(1))
    assert blob is not None
    for damaged in (blob[:1], blob[:5], blob[:16]):
        await logged.redis.set(logged.place(1), damaged, keepttl=True)
        for _ in range(2):
            with pytest.raises(UnreadableProfileError):
                await logged.read()
    await logged.redis.set(logged.place(1), (FORMAT + 1).to_bytes(2, "little") + blob[2:], keepttl=True)
    for _ in range(2):
        with pytest.raises(NewerFormat):
            await logged.read()
    await logged.redis.set(logged.place(1), (FORMAT - 1).to_bytes(2, "little") + blob[2:], keepttl=True)
    for _ in range(2):
        assert await logged.agreed() == 100
    await logged.redis.set(logged.place(1), blob, keepttl=True)
    assert await logged.agreed() == 200


async def test_a_sum_is_not_for_writing(logged: Logged) -> None:
    await logged.write(0, 1, 100)
    found = await logged.read()
    with pytest.raises(ValueError, match="read-only"):
        found.columns[0] = 1
