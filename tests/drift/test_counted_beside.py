"""A baseline that is counted beside the active one has each row once, whatever is delivered again and whoever
owns the partition; and the active one has what it would have without it."""

import random
import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pytest
from turnout.router.v1.model_pb2 import Model

from services.drift.baseline_store import BaselineStore
from services.drift.baselines import Baseline, Segment, measure_columns
from services.drift.buckets import Bucket, cover
from services.drift.cells.blob import Profile
from services.drift.counted import read_counted
from services.drift.errors import BaselineInUse
from services.drift.profile_store import ProfileStore
from services.drift.profiler import Profiler
from services.state import drift_keys
from services.state.connection import Connections
from services.state.errors import LostLease, StateUnavailable, StoreFull
from services.state.fenced import Fence
from services.state.ids import new_uid
from tests.drift.test_profiler import ENTRIES, FENCE, PARTITION, ROWS, counted, make


class Pair(NamedTuple):
    """The active baseline, and the one beside it, whose cells are others."""

    active: Baseline
    beside: Baseline

    async def profiles(self, connections: Connections) -> list[Profile]:
        return [await counted(connections, one) for one in self]


def frozen(model: Model, own: str, mean: float, segment: Segment | None = None) -> Baseline:
    rows, features = measure_columns({"age": np.random.default_rng(0).normal(mean, 10, 500).tolist()}, {}, {})
    uid = new_uid(time.time(), random.Random(own))
    return Baseline(uid, own, model.name, model.uid, rows, features, time.time(), segment=segment)


@pytest.fixture
async def pair(connections: Connections, model: Model) -> Pair:
    """Both counted."""
    made = Pair(frozen(model, "old", 40), frozen(model, "new", 50))
    store = BaselineStore(connections)
    await store.create(made, None)
    await store.activate([made.active])
    await store.count([made.beside])
    await connections.steady.set(*FENCE)
    return made


@pytest.fixture
async def alone(connections: Connections, pair: Pair) -> list[Profile]:
    """What each of the two has where it is the only one and everything comes at once."""
    store, found = BaselineStore(connections), []
    for one in pair:
        await store.deactivate(one.model_uid)
        await store.activate([one])
        await make(connections).fold(PARTITION, FENCE, ENTRIES)
        found.append(await counted(connections, one))
        await ProfileStore(connections).forget(one.uid)
    await store.activate([pair.active])
    await store.count([pair.beside])
    return found


async def test_rows_are_counted_once_on_both_whatever_is_delivered_again(
    connections: Connections, pair: Pair, alone: list[Profile]
) -> None:
    assert [profile.rows for profile in alone] == [ROWS, ROWS]
    for entries in (ENTRIES, ENTRIES, ENTRIES[1:], ENTRIES[:2], ENTRIES[-1:]):
        await make(connections).fold(PARTITION, FENCE, entries)
        assert await pair.profiles(connections) == alone


async def test_batches_cut_anywhere_give_the_same_profiles(
    connections: Connections, pair: Pair, alone: list[Profile]
) -> None:
    for one in ENTRIES:
        await make(connections).fold(PARTITION, FENCE, [one])
    assert await pair.profiles(connections) == alone


async def test_who_lost_the_partition_writes_nothing_on_either(
    connections: Connections, pair: Pair, alone: list[Profile]
) -> None:
    await make(connections).fold(PARTITION, FENCE, ENTRIES[:2])
    before = await pair.profiles(connections)
    await connections.steady.set(FENCE.key, "2")
    with pytest.raises(LostLease):
        await make(connections).fold(PARTITION, FENCE, ENTRIES[2:])
    assert await pair.profiles(connections) == before
    await make(connections).fold(PARTITION, Fence.of(PARTITION, "drift", 2), ENTRIES)
    assert await pair.profiles(connections) == alone


async def test_who_dies_between_the_two_leaves_the_second_to_who_comes_next(
    connections: Connections, pair: Pair, alone: list[Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dies(ProfileStore):
        async def write(
            self,
            partition: int,
            fence: Fence,
            baseline: Baseline,
            profiles: Mapping[Bucket, Profile],
            now: float,
        ) -> None:
            if baseline.uid == pair.beside.uid:
                raise StateUnavailable("killed here")
            await super().write(partition, fence, baseline, profiles, now)

    profiler: Profiler = make(connections)
    with monkeypatch.context() as broken:
        broken.setattr(profiler, "_profiles", Dies(connections))
        with pytest.raises(StateUnavailable, match="killed here"):
            await profiler.fold(PARTITION, FENCE, ENTRIES[:3])
    assert [one.rows for one in await pair.profiles(connections)] == [75, 0]
    await make(connections).fold(PARTITION, FENCE, ENTRIES)
    assert await pair.profiles(connections) == alone


async def test_the_one_beside_becomes_active_with_its_profiles_and_the_former_is_counted_no_more(
    connections: Connections, pair: Pair, alone: list[Profile]
) -> None:
    profiler, store = make(connections), BaselineStore(connections)
    await profiler.fold(PARTITION, FENCE, ENTRIES[:2])
    await store.activate([pair.beside])
    assert await store.counted(pair.active.model_uid) == ({None: await active_of(store, pair.beside)}, {})
    await profiler.fold(PARTITION, FENCE, ENTRIES[2:])
    old, new = await pair.profiles(connections)
    assert (old.rows, new) == (45, alone[1])


async def active_of(store: BaselineStore, baseline: Baseline) -> object:
    return (await store.active([baseline.model_uid]))[baseline.model_uid]


async def test_what_is_counted_is_one_read_of_all_models(
    connections: Connections, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As before there were two: in the batch's path nothing is asked for the second."""
    asked = []
    execute = connections.steady.execute_command

    async def told(*words: object, **options: object) -> object:
        asked.append(words)
        return await execute(*words, **options)

    profiler = make(connections)
    await profiler.fold(PARTITION, FENCE, ENTRIES[:1])
    monkeypatch.setattr(connections.steady, "execute_command", told)
    await profiler.fold(PARTITION, FENCE, ENTRIES[1:2])
    assert [words[0] for words in asked if drift_keys.active_baselines() in words] == ["HMGET"]
    assert sum(words[0] == "MGET" for words in asked) == 2


async def test_the_bound_of_segments_counts_those_that_have_one_beside_only(
    connections: Connections, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.drift.baseline_store.MAX_ACTIVE_SEGMENTS", 1)
    parts = [Segment("region", "eu"), Segment("the plan", '1 "x"\n2 ü\\{}')]
    eu, again, odd = (frozen(model, f"b-{at}", 40, parts[at // 2]) for at in range(3))
    store = BaselineStore(connections)
    await store.create([eu, again, odd], None)
    await store.count([eu])
    await store.activate([again])
    for refused in (store.count([odd]), store.activate([odd])):
        with pytest.raises(StoreFull, match="more than 1 segments"):
            await refused
    counted = await store.counted(model.uid)
    assert ([*counted.actives], [*counted.beside]) == ([parts[0]], [parts[0]])
    await store.retire(again)
    await store.discount(eu)
    await store.count([odd])
    found = await store.counted(model.uid)
    assert (found.actives, found.is_beside(odd)) == ({}, True)
    assert await store.actives([model.uid]) == {}


async def test_by_force_also_what_somebody_makes_active_again_is_released(
    connections: Connections, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = BaselineStore(connections)
    mine = frozen(model, "mine", 40)
    await store.create([mine], None)
    await store.activate([mine])
    retire, again = BaselineStore.retire, 2

    async def beside_another(self: BaselineStore, baseline: Baseline) -> None:
        nonlocal again
        await retire(self, baseline)
        again -= 1
        if again >= 0:
            await store.activate([baseline])

    monkeypatch.setattr(BaselineStore, "retire", beside_another)
    await store.release(mine, force=True)
    assert (await store.counted(model.uid)).actives == {}
    again = 1000
    with pytest.raises(BaselineInUse, match="mine"):
        await store.release(mine, force=True)


def test_what_an_earlier_version_wrote_is_read() -> None:
    found = read_counted('july 01a\neu-1 01b ["region", "eu"]')
    assert {part: one.id for part, one in found.actives.items()} == {
        None: "july",
        Segment("region", "eu"): "eu-1",
    }
    assert found.beside == {}
    assert read_counted("") == ({}, {})


async def test_the_window_of_one_that_is_counted_is_as_wide_as_any(
    connections: Connections, pair: Pair
) -> None:
    await make(connections).fold(PARTITION, FENCE, ENTRIES)
    now = time.time()
    days = await ProfileStore(connections).window(pair.beside, cover(now - 80 * 86_400, now + 60, now))
    assert days.rows == ROWS
