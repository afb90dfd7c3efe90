"""Rows are counted once, however often they are delivered and whoever owns the partition."""

import random
import time

import numpy as np
import pytest
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.inference.v1.manifest_pb2 import OUTCOME_SERVED
from turnout.router.v1.model_pb2 import Model

from services.drift.baseline_store import BaselineStore
from services.drift.baselines import Baseline, measure_columns
from services.drift.buckets import Bucket, cover
from services.drift.cells.blob import FORMAT, Profile
from services.drift.folding import add, count
from services.drift.placing import Placed
from services.drift.profile_store import ProfileStore
from services.drift.profiler import Observed, Profiler
from services.drift.rows import Row
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.errors import LostLease, NewerFormat
from services.state.fenced import Fence
from services.state.ids import new_prediction_id, new_uid
from services.state.kinds import MODELS
from services.state.logged import read_packed
from services.state.packed import packed_event

PARTITION = 7
FENCE = Fence.of(PARTITION, "drift", 1)
BUCKET = Bucket("minute", 0)


def entry(number: int, size: int, seed: int) -> Observed:
    rng = np.random.default_rng(seed)
    events = []
    for value in rng.normal(50, 10, size):
        event = PredictionEvent()
        event.time.GetCurrentTime()
        event.manifest.participants.add(model="models/churn", outcome=OUTCOME_SERVED)
        event.features.numeric_features["age"] = value
        events.append(packed_event(event.SerializeToString()))
    return Observed(f"{number}-0", events)


ENTRIES = [entry(number, size, number) for number, size in ((8, 5), (9, 40), (10, 30), (11, 1))]
ROWS = sum(len(one.events) for one in ENTRIES)


@pytest.fixture
async def baseline(connections: Connections, model: Model) -> Baseline:
    """An active baseline of the model."""
    rows, features = measure_columns({"age": np.random.default_rng(0).normal(40, 10, 500).tolist()}, {}, {})
    uid = new_uid(time.time(), random.Random(3))
    made = Baseline(uid, "one", model.name, model.uid, rows, features, time.time())
    store = BaselineStore(connections)
    await store.create([made], None)
    await store.activate([made])
    await connections.steady.set(*FENCE)
    return made


@pytest.fixture
def profiler(connections: Connections) -> Profiler:
    return make(connections)


def make(connections: Connections) -> Profiler:
    models = ConfigReader(connections, MODELS, time.time)
    return Profiler(connections, models, BaselineStore(connections), ProfileStore(connections), time.time)


async def counted(connections: Connections, baseline: Baseline) -> Profile:
    now = time.time()
    return await ProfileStore(connections).window(baseline, cover(now - 3600, now + 60, now))


async def test_rows_are_counted_once_whatever_is_delivered_again(
    connections: Connections, baseline: Baseline, profiler: Profiler
) -> None:
    await profiler.fold(PARTITION, FENCE, ENTRIES)
    once = await counted(connections, baseline)
    assert once.rows == ROWS
    for again in (ENTRIES, ENTRIES[1:], ENTRIES[:2], ENTRIES[-1:]):
        await profiler.fold(PARTITION, FENCE, again)
    assert await counted(connections, baseline) == once


async def test_batches_cut_anywhere_give_the_same_profile(
    connections: Connections, baseline: Baseline, profiler: Profiler
) -> None:
    for one in ENTRIES:
        await profiler.fold(PARTITION, FENCE, [one])
    cut = await counted(connections, baseline)
    await connections.steady.unlink(
        *[key async for key in connections.steady.scan_iter(match="turnout:{p07}:profile:*")]
    )
    await make(connections).fold(PARTITION, FENCE, ENTRIES)
    assert await counted(connections, baseline) == cut


def events_of_two(size: int) -> bytes:
    """A batch of which every third prediction was another model's."""
    rng, draw, wires = np.random.default_rng(17), random.Random(17), []
    now = int(time.time())
    for place in range(size):
        event = PredictionEvent()
        event.time.FromNanoseconds((now - place % 90) * 10**9 + place)
        event.manifest.prediction_id = new_prediction_id(PARTITION, now, draw)
        model = "models/other" if place % 3 == 0 else "models/churn"
        event.manifest.participants.add(model=model, outcome=OUTCOME_SERVED)
        event.features.numeric_features["age"] = rng.normal(50, 10)
        wires.append(event.SerializeToString())
    return EventBatch(predictions=wires).SerializeToString()


async def test_what_was_read_as_columns_is_counted_as_what_was_not(
    connections: Connections, baseline: Baseline
) -> None:
    read = read_packed(events_of_two(300))
    assert read.columns is not None
    await make(connections).fold(PARTITION, FENCE, [Observed("8-0", read.predictions, (), read.columns)])
    together = await counted(connections, baseline)
    await connections.steady.unlink(
        *[key async for key in connections.steady.scan_iter(match="turnout:{p07}:profile:*")]
    )
    await make(connections).fold(PARTITION, FENCE, [Observed("8-0", read.predictions)])
    assert together == await counted(connections, baseline)
    assert together.rows == 200


async def test_who_lost_the_partition_writes_nothing(
    connections: Connections, baseline: Baseline, profiler: Profiler
) -> None:
    await profiler.fold(PARTITION, FENCE, ENTRIES[:2])
    await connections.steady.set(FENCE.key, "2")
    with pytest.raises(LostLease):
        await profiler.fold(PARTITION, FENCE, ENTRIES[2:])
    await make(connections).fold(PARTITION, Fence.of(PARTITION, "drift", 2), ENTRIES)
    assert (await counted(connections, baseline)).rows == ROWS


async def test_a_baseline_counts_from_the_moment_it_is_active(
    connections: Connections, baseline: Baseline, profiler: Profiler
) -> None:
    await profiler.fold(PARTITION, FENCE, ENTRIES[:2])
    store = BaselineStore(connections)
    uid = new_uid(time.time(), random.Random(4))
    second = Baseline(uid, "two", baseline.model, baseline.model_uid, 500, baseline.features, time.time())
    await store.create([second], None)
    await store.activate([second])
    await profiler.fold(PARTITION, FENCE, ENTRIES[2:])
    assert (await counted(connections, baseline)).rows == 45
    assert (await counted(connections, second)).rows == 31


async def test_models_without_a_baseline_cost_nothing(connections: Connections, profiler: Profiler) -> None:
    await profiler.fold(PARTITION, FENCE, ENTRIES)
    assert not [key async for key in connections.steady.scan_iter(match="*profile*")]


async def test_a_profile_of_a_newer_version_is_refused_and_left_as_it_is(
    connections: Connections, baseline: Baseline, profiler: Profiler
) -> None:
    """Its own version may go on counting in it: what this one does not understand it must not replace."""
    await profiler.fold(PARTITION, FENCE, ENTRIES[:2])
    found = [key async for key in connections.steady.scan_iter(match="turnout:{p07}:profile:*:*:*")]
    for key in found:
        await connections.steady.setrange(key, 0, (FORMAT + 1).to_bytes(2, "little"))
    newer = await connections.steady.mget(found)
    assert newer
    with pytest.raises(NewerFormat, match=f"profile has format {FORMAT + 1}"):
        await profiler.fold(PARTITION, FENCE, ENTRIES[2:])
    with pytest.raises(NewerFormat):
        await counted(connections, baseline)
    assert await connections.steady.mget(found) == newer


async def test_profiles_of_an_older_version_are_left_out_and_written_over(
    connections: Connections, baseline: Baseline, profiler: Profiler
) -> None:
    """A version that cannot read them must not stand still before them."""
    await profiler.fold(PARTITION, FENCE, ENTRIES[2:])
    wanted = await counted(connections, baseline)
    found = [key async for key in connections.steady.scan_iter(match="turnout:{p07}:profile:*:*:*")]
    for key in found:
        await connections.steady.setrange(key, 0, (FORMAT - 1).to_bytes(2, "little"))
    assert (await counted(connections, baseline)).rows == 0
    await profiler.fold(PARTITION, FENCE, ENTRIES[2:])
    assert await counted(connections, baseline) == wanted
    assert wanted.rows


def test_what_a_profile_contains_is_not_added_again(baseline: Baseline) -> None:
    placed = [Placed(name, (BUCKET,), [Row(0.0, {"age": 40.0})] * 3) for name in ("9-1", "10-0", "10-1")]
    stored = {BUCKET: count(baseline, placed[0].rows, "10-0")}
    changed = add(baseline, stored, placed)
    assert changed[BUCKET] == count(baseline, placed[0].rows * 2, "10-1")
    assert add(baseline, changed, placed) == {}
