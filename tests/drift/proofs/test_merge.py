"""However many replicas log, whoever counts, in what order, twice or late: the same profile, bit by bit."""

import random

import numpy as np
import pytest
from numpy.random import Generator

from services.drift.baselines import Baseline
from services.drift.buckets import Bucket, cover
from services.drift.cells import MAX_NAMES
from services.drift.cells.blob import Profile, decode, encode, merged
from services.drift.folding import add, bounded, count
from services.drift.placing import place
from services.drift.rows import Row
from tests.drift.proofs.path import NOW, baseline_of, told

DAY = 86_400
WINDOW = cover(NOW - 3 * DAY, NOW + 60, NOW)
ROWS = 1_500


def baseline() -> Baseline:
    rng = np.random.default_rng(1)
    numbers = rng.lognormal(0, 2, 2_000)
    numbers[::50] = np.nan
    plans = rng.choice(["basic", "gold", "free"], 2_000).tolist()
    return baseline_of(
        {"amount": numbers.tolist()}, {"plan": plans, "city": [str(n % 300) for n in range(2_000)]}
    )


def logged(rng: Generator) -> list[Row]:
    """Rows of the last three days, most of them of this minute; a city that is unseen, as often as not."""
    times = NOW - np.where(rng.random(ROWS) < 0.6, rng.random(ROWS) * 60, rng.random(ROWS) * 2.5 * DAY)
    amounts, cities = rng.lognormal(0.1, 2, ROWS), rng.integers(0, 5_000, ROWS)
    plans = rng.choice(["basic", "gold", "new"], ROWS)
    return [
        Row(time, {} if amount > 30 else {"amount": amount}, {"plan": plan, "city": str(city)})
        for time, amount, city, plan in zip(
            times.tolist(), amounts.tolist(), cities.tolist(), plans.tolist(), strict=True
        )
    ]


class Partition:
    """A stream of entries, and what its owners have written."""

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._entries: dict[str, list[Row]] = {}
        self._written: dict[Bucket, bytes] = {}
        self.acknowledged = 0

    def append(self, rows: list[Row]) -> None:
        self._entries[f"{len(self._entries) + 1}-0"] = rows

    @property
    def left(self) -> int:
        return len(self._entries) - self.acknowledged

    def deliver(self, rng: random.Random) -> None:
        """Entries from the last that was acknowledged on, which may have been counted already; the owner may
        die before it has written, when it has written some buckets, or before it acknowledges."""
        names = list(self._entries)[self.acknowledged :][: rng.randint(1, 4)]
        stored = {bucket: decode(blob, self._baseline.sizes) for bucket, blob in self._written.items()}
        changed = add(self._baseline, stored, place({name: self._entries[name] for name in names}, NOW))
        blobs = [(bucket, encode(bounded(self._baseline, one))) for bucket, one in changed.items()]
        dies = rng.random()
        if dies < 0.2:
            blobs = blobs[: rng.randint(0, len(blobs))]
        self._written.update(blobs)
        if dies >= 0.4:
            self.acknowledged += len(names)

    def blobs(self) -> list[bytes]:
        return [blob for bucket, blob in self._written.items() if bucket in WINDOW]


@pytest.mark.parametrize("replicas", [1, 2, 5, 16])
def test_any_number_of_replicas_in_any_order_with_retries_and_late_rows(replicas: int) -> None:
    made, rng = baseline(), random.Random(replicas)
    rows = logged(np.random.default_rng(replicas))
    wanted = bounded(made, count(made, rows, ""))
    assert any(len(names) == MAX_NAMES for names in wanted.unseen.values())
    for _ in range(3):
        total = bounded(made, merged(written(made, rows, replicas, rng), made.sizes))
        assert encode(total) == encode(wanted)
        assert told(made, total).SerializeToString(deterministic=True) == told(
            made, wanted
        ).SerializeToString(deterministic=True)


def written(made: Baseline, rows: list[Row], replicas: int, rng: random.Random) -> list[bytes]:
    """The blobs after every row was logged by one of the replicas, each in its own order and batches."""
    partitions = [Partition(made) for _ in range(replicas)]
    shuffled = rng.sample(rows, len(rows))
    while shuffled:
        size = rng.randint(1, 120)
        rng.choice(partitions).append(shuffled[:size])
        shuffled = shuffled[size:]
        rng.choice(partitions).deliver(rng)
    while behind := [one for one in partitions if one.left]:
        rng.choice(behind).deliver(rng)
    return rng.sample(found := [blob for one in partitions for blob in one.blobs()], len(found))


def test_windows_add_up_and_take_away() -> None:
    """A day less its last hour is what the other hours hold."""
    made = baseline()
    rows = logged(np.random.default_rng(9))
    early, late = ([row for row in rows if (row.time < NOW - 3600) is before] for before in (True, False))
    whole, part, rest = (count(made, some, "") for some in (rows, early, late))
    assert encode(part.plus(rest)) == encode(rest.plus(part))
    if all(len(names) < MAX_NAMES for names in whole.unseen.values()):
        assert encode(part.plus(rest)) == encode(whole)
    for one, two, three in zip(
        whole.tallies(made.sizes), part.tallies(made.sizes), rest.tallies(made.sizes), strict=True
    ):
        if len(one.unseen) < MAX_NAMES:
            assert one - two == three


def test_profile_of_nothing_adds_nothing() -> None:
    made = baseline()
    some = count(made, logged(np.random.default_rng(3)), "")
    assert some.plus(Profile("", 0, np.zeros_like(some.columns), {})) == some
