"""Rewards folded by a partition's owner: as they hold, once, in the order of predictions."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from turnout.drift.v1.concept_pb2 import ConceptDetection, ConceptStream
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.drift.concept.building import watch_of
from services.state import concept_keys, ids, keys
from services.state.claims import UNITS, Applied, Claim, Learner, Report
from services.state.connection import Connections
from services.state.errors import LostLease
from services.state.outcomes import LESS, MORE, REWARD, Cell, Counted
from services.state.ownership import Ownership
from services.state.records import RecordWriter
from services.state.rewards import RewardStore
from tests.drift.concept.test_folding import DETECTION, NOW, PARTITION, SETTLE, UID, Process
from tests.feedback import recorded
from tests.state.background import running
from tests.waiting import eventually

HORIZON = 30 * 86_400.0
AFTER = NOW + 2 * SETTLE


class Shop(NamedTuple):
    """A router in the partition, and the measure of its rewards."""

    uid: str
    measure: str = "accuracy"
    better: str = MORE


def shop(seed: int, measure: str = "accuracy", better: str = MORE) -> Shop:
    """One whose predictions lie in the partition, as if its uid hashed there."""
    return Shop(ids.new_uid(NOW - 1e6, random.Random(seed)), measure, better)


SHOP = shop(1)


@pytest.fixture
async def process(connections: Connections) -> Process:
    made = Process(connections)
    await made.lead()
    await made.store.configure(UID, DETECTION)
    await connections.steady.hset(keys.catalog_names("models"), mapping={"models/a": UID})
    return made


async def predicted(
    process: Process, count: int, of: Shop = SHOP, before: float = 3600.0
) -> list[PredictionEvent]:
    """Recorded predictions of model a, one every ten seconds from `before` seconds ago."""
    rng = random.Random(of.uid)
    made = [
        recorded.event(ids.new_prediction_id(PARTITION, NOW - before + 10 * at, rng), uid=of.uid)
        for at in range(count)
    ]
    for event in made:
        event.manifest.router = f"routers/{of.uid[-12:]}"
    await RecordWriter(process.connections).write(PARTITION, process.fence, "1-0", made)
    return made


def claim(event: PredictionEvent, value: float, of: Shop = SHOP, at: int = 1) -> Claim:
    """A reward, as a share of its range; again with the same moment it is the same report."""
    counted = Counted(of.uid, Cell(REWARD, variant="a"), watched=of.better)
    report = Report(event.manifest.prediction_id, 0, "a", round(value * UNITS), at, f"f{at}")
    return Claim(Learner(PARTITION, of.uid, of.measure), report, 1000, HORIZON, counted=counted)


async def apply(process: Process, *claims: Claim) -> list[Applied]:
    return await RewardStore(process.connections.steady).apply(claims, NOW)


async def earn(
    process: Process, event: PredictionEvent, value: float, of: Shop = SHOP, at: int = 1
) -> Applied:
    """Report a reward."""
    return (await apply(process, claim(event, value, of, at)))[0]


async def streams(process: Process) -> Sequence[ConceptStream]:
    return (await process.store.states(PARTITION, [UID]))[UID].streams


async def late(process: Process) -> int:
    return sum(one.late for one in (await process.store.progress(PARTITION)).rewards.values())


async def test_a_loss_is_what_a_reward_lacks_to_the_best_of_its_range(process: Process) -> None:
    costs = shop(2, "cost@0..9", LESS)
    for of, values in ((SHOP, (1.0, 0.25, 0.0)), (costs, (0.25, 0.0))):
        for event, value in zip(await predicted(process, len(values), of), values, strict=True):
            await earn(process, event, value, of)
    process.now = AFTER
    await process.fold()
    found = {one.router: list(one.learning) for one in await streams(process)}
    assert found == {
        f"routers/{SHOP.uid[-12:]}": [0.0, 0.75, 1.0],
        f"routers/{costs.uid[-12:]}": [0.25, 0.0],
    }
    assert not await process.connections.steady.exists(concept_keys.rewarded(PARTITION))


async def test_a_reward_counts_once_and_as_it_was_corrected(process: Process) -> None:
    one, other = await predicted(process, 2)
    await earn(process, one, 1.0)
    assert await earn(process, one, 1.0) is Applied.DUPLICATE
    await earn(process, other, 1.0, at=1)
    assert await earn(process, other, 0.5, at=2) is Applied.CORRECTED
    process.now = AFTER
    await process.fold()
    (stream,) = await streams(process)
    assert (stream.rows, list(stream.learning)) == (2, [0.0, 0.5])


async def test_what_changes_after_its_minute_is_counted_as_late_and_moves_nothing(process: Process) -> None:
    those = await predicted(process, 30)
    for event in those[12:18]:
        await earn(process, event, 1.0)
    process.now = AFTER
    await process.fold()
    before = await process.blob()
    await earn(process, those[12], 1.0)
    await earn(process, those[13], 0.0, at=2)
    await earn(process, those[0], 0.0)
    process.now += SETTLE
    await process.fold()
    assert (await process.blob(), await late(process)) == (before, 2)
    # And holds nobody up: the minutes after it are folded when they are due.
    await earn(process, those[20], 1.0)
    process.now += SETTLE
    await process.fold()
    (stream,) = await streams(process)
    assert stream.rows == 7
    assert {one.late_labels for one in (await process.store.read(UID)).signals} == {2}


async def test_a_minute_waits_for_its_rewards_and_for_those_before_it(process: Process) -> None:
    older, newer = (await predicted(process, 12))[::11]
    await earn(process, newer, 1.0)
    await earn(process, older, 1.0)
    # The older one's first reward came five minutes after the newer one's.
    noted, redis = concept_keys.rewarded(PARTITION), process.connections.steady
    member = min(await redis.zrange(noted, 0, -1))
    assert member.startswith(b"%d+" % ids.minute_of(older.manifest.prediction_id))
    await redis.zadd(noted, {member: (NOW + 300) * 1000})
    process.now = NOW + SETTLE + 200
    await process.fold()
    assert await process.blob() is None
    process.now = NOW + SETTLE + 300
    await process.fold()
    (stream,) = await streams(process)
    assert stream.rows == 2


async def test_a_router_that_is_rewarded_late_is_not_held_to_one_that_is_rewarded_soon(
    process: Process,
) -> None:
    slow = shop(3)
    soon, waits = await predicted(process, 6), await predicted(process, 6, slow, before=7200.0)
    for event in soon:
        await earn(process, event, 1.0)
    process.now = AFTER
    await process.fold()
    for event in waits:
        await earn(process, event, 1.0, slow)
    process.now += SETTLE
    await process.fold()
    assert [(one.rows, one.router[-3:]) for one in await streams(process)] == [
        (6, SHOP.uid[-3:]),
        (6, slow.uid[-3:]),
    ]
    assert await late(process) == 0


async def test_replay_reorder_and_any_change_of_owners_give_the_same_state(process: Process) -> None:
    async def played(rng: random.Random | None) -> bytes | None:
        owner, token = Process(process.connections), 1
        await owner.lead()
        await owner.store.configure(UID, DETECTION)
        await owner.connections.steady.hset(keys.catalog_names("models"), mapping={"models/a": UID})
        those = await predicted(owner, 60)
        happenings = [(event, place, at) for place, event in enumerate(those) for at in (1, 2)]
        if rng:
            happenings += rng.sample(happenings, 50)
            rng.shuffle(happenings)
        claims = [
            claim(event, random.Random(f"{place} {at}").random(), at=at) for event, place, at in happenings
        ]
        for begin in range(0, len(claims), 50):
            await apply(owner, *claims[begin : begin + 50])
        owner.now = AFTER
        for _ in range(6 if rng else 0):
            # It folds a minute and dies; who thinks that it leads still is told otherwise.
            token, former = token + 1, owner
            owner = Process(process.connections, token)
            await owner.lead()
            owner.now = AFTER
            with pytest.raises(LostLease):
                await former.fold()
            await one_minute(owner)
        await owner.fold()
        assert await late(owner) == 0
        return await owner.blob()

    whole = await played(None)
    assert whole
    await process.connections.steady.flushdb()
    assert await played(random.Random(5)) == whole


async def one_minute(process: Process) -> None:
    """Fold the oldest minute, and no more."""
    rewards, progress = process.folder.rewards, await process.store.progress(PARTITION)
    ((_, waiting),) = (await rewards._noted(PARTITION)).items()
    await rewards._minute(PARTITION, process.fence, progress, [min(waiting)])


async def test_a_process_folds_them_beside_labels(process: Process) -> None:
    for event in await predicted(process, 6):
        await earn(process, event, 1.0)
    ownership = Ownership(process.connections, "drift", "owner", rng=random.Random(6))
    watch = watch_of(process.connections, ownership, lambda: AFTER, random.Random(7), SETTLE)

    async def folded() -> bool:
        return [one.rows for one in await streams(process)] == [6]

    async with running(ownership.run(), watch.truths.run(), watch.folder.run()):
        await eventually(folded)


async def test_rewards_of_unknown_models_and_where_they_are_left_out_are_not_watched(
    process: Process,
) -> None:
    await process.store.configure(UID, ConceptDetection(without_rewards=True))
    known, other = await predicted(process, 1), await predicted(process, 1, shop(4))
    other[0].manifest.decision.model = "models/gone"
    await RecordWriter(process.connections).write(PARTITION, process.fence, "1-0", other)
    await earn(process, known[0], 1.0)
    await earn(process, other[0], 1.0, shop(4))
    process.now = AFTER
    await process.fold()
    assert await process.blob() is None
    assert not await process.connections.steady.exists(concept_keys.rewarded(PARTITION))
