"""What shadows answer after the event of their prediction is in their profiles: once, whichever way entries
are delivered, and whoever dies between a record and its profile."""

import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import replace

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
from turnout.router.v1.model_pb2 import Model

from services.drift.baseline_store import BaselineStore
from services.drift.baselines import Baseline, Role, measure_columns
from services.drift.buckets import cover
from services.drift.build import handler_of
from services.drift.cells.blob import Profile
from services.drift.cells.vocabulary import Vocabulary
from services.drift.consumer import GROUP
from services.drift.profile_store import ProfileStore
from services.drift.profiler import Profiler
from services.state import formats, keys
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.consumer import Entry
from services.state.errors import StateUnavailable
from services.state.fenced import Fence
from services.state.ids import new_uid
from services.state.kinds import MODELS
from services.state.logged import Logged
from tests.drift.traffic import PARTITION, entry, prediction

FENCE = Fence.of(PARTITION, GROUP, 1)
SHADOW = Participant(model="models/next", role=PARTICIPANT_ROLE_SHADOW, outcome=OUTCOME_PENDING)
LABELS = ["yes", "no", "yes", "maybe", "yes", "no"]


def mirrored(seed: int) -> PredictionEvent:
    event = prediction(np.random.default_rng(seed))
    event.manifest.participants.append(SHADOW)
    event.segments["tier"] = "gold" if seed % 2 else "basic"
    return event


def answer(event: PredictionEvent, label: str) -> ParticipantEvent:
    made = ParticipantEvent(
        format=formats.PARTICIPANT_EVENT,
        prediction_id=event.manifest.prediction_id,
        index=1,
        participant=SHADOW,
    )
    made.participant.outcome = OUTCOME_DISCARDED
    made.output.classification.label = label
    return made


def told(number: int, *those: PredictionEvent) -> Entry[Logged]:
    return entry(f"{number}-0", EventBatch(predictions=[one.SerializeToString() for one in those]))


def ended(number: int, *those: ParticipantEvent) -> Entry[Logged]:
    return entry(f"{number}-0", EventBatch(participants=[one.SerializeToString() for one in those]))


@pytest.fixture
async def baseline(connections: Connections) -> Baseline:
    """Of the shadow's ages and answers, active."""
    made = await ConfigStore(connections, MODELS, time.time, random.Random(1)).create(
        Model(name="models/next")
    )
    rows, features = measure_columns(
        {"age": np.random.default_rng(0).normal(40, 10, 100).tolist()},
        {"answer": ["yes", "no"] * 50},
        {},
        roles={"answer": Role.PREDICTION},
    )
    uid = new_uid(time.time(), random.Random(3))
    made_of = Baseline(uid, "one", "models/next", made.message.uid, rows, features, time.time())
    store = BaselineStore(connections)
    await store.create([made_of], None)
    await store.activate([made_of])
    await connections.steady.set(keys.token(PARTITION, GROUP), "1")
    return made_of


@pytest.fixture
async def beside(connections: Connections, baseline: Baseline) -> Baseline:
    """Of the same, counted beside the active one."""
    uid = new_uid(time.time(), random.Random(4))
    made = replace(baseline, uid=uid, id="two")
    store = BaselineStore(connections)
    await store.create([made], None)
    await store.count([made])
    return made


async def profile(connections: Connections, baseline: Baseline) -> Profile:
    now = time.time()
    return await ProfileStore(connections).window(baseline, cover(now - 3600, now + 60, now))


async def answers(connections: Connections, baseline: Baseline) -> dict[str, int]:
    """How often the shadow gave each answer."""
    found = await profile(connections, baseline)
    ((feature, tally),) = (
        (feature, tally)
        for feature, tally in zip(baseline.features, found.tallies(baseline.sizes), strict=True)
        if feature.role is Role.PREDICTION
    )
    assert isinstance(feature.frame, Vocabulary)
    known = dict(zip(feature.frame.names, map(int, tally.columns), strict=False))
    return {name: count for name, count in {**known, **tally.unseen}.items() if count}


async def delivered(connections: Connections, *entries: Sequence[Entry[Logged]]) -> None:
    for some in entries:
        await handler_of(connections, time.time).handle(PARTITION, FENCE, some)


EVENTS = [mirrored(seed) for seed in range(len(LABELS))]
TOLD = told(1, *EVENTS)
FIRST, SECOND = (
    ended(number, *(answer(EVENTS[at], LABELS[at]) for at in part))
    for number, part in ((2, range(3)), (3, range(3, 6)))
)
# A router that did not hear that its entry was taken sends it again, as another entry.
AGAIN = ended(4, *(answer(EVENTS[at], LABELS[at]) for at in range(6)))
ALL = {"yes": 3, "no": 2, "maybe": 1}


@pytest.mark.parametrize(
    "deliveries",
    [
        [[TOLD, FIRST, SECOND]],
        [[TOLD], [FIRST], [SECOND]],
        [[TOLD, FIRST], [FIRST, SECOND], [SECOND]],
        [[TOLD, FIRST, SECOND], [TOLD, FIRST, SECOND], [FIRST], [TOLD]],
        [[TOLD], [FIRST, SECOND, AGAIN], [AGAIN], [SECOND, AGAIN]],
        [[TOLD, FIRST, SECOND, AGAIN], [TOLD, FIRST, SECOND, AGAIN]],
    ],
    ids=["at-once", "one-by-one", "overlapping", "from-the-start", "sent-again", "all-again"],
)
async def test_each_late_answer_counts_once(
    connections: Connections,
    baseline: Baseline,
    beside: Baseline,
    deliveries: list[list[Entry[Logged]]],
) -> None:
    await delivered(connections, *deliveries)
    assert await answers(connections, baseline) == ALL
    assert (await profile(connections, baseline)).rows == len(EVENTS)
    assert await profile(connections, beside) == await profile(connections, baseline)


async def test_an_answer_that_comes_twice_in_an_entry_counts_once(
    connections: Connections, baseline: Baseline
) -> None:
    twice = ended(2, answer(EVENTS[0], "yes"), answer(EVENTS[0], "yes"))
    await delivered(connections, [told(1, EVENTS[0])], [twice], [twice])
    assert await answers(connections, baseline) == {"yes": 1}


async def test_who_dies_between_the_record_and_the_profile_leaves_the_answer_to_who_comes_next(
    connections: Connections, baseline: Baseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        raise StateUnavailable("killed here")

    await delivered(connections, [TOLD])
    with monkeypatch.context() as broken:
        broken.setattr(Profiler, "fold", dies)
        for some in ([FIRST], [FIRST, SECOND]):
            with pytest.raises(StateUnavailable, match="killed here"):
                await delivered(connections, some)
    assert await answers(connections, baseline) == {}
    await delivered(connections, [FIRST, SECOND], [AGAIN])
    assert await answers(connections, baseline) == ALL


async def test_who_did_not_answer_counts_for_nothing(connections: Connections, baseline: Baseline) -> None:
    late = answer(EVENTS[0], "")
    late.ClearField("output")
    late.participant.outcome = OUTCOME_TIMED_OUT
    await delivered(connections, [told(1, EVENTS[0])], [ended(2, late)])
    found = await profile(connections, baseline)
    assert await answers(connections, baseline) == {}
    assert found.rows == 1


async def test_the_order_of_entries_does_not_matter(connections: Connections, baseline: Baseline) -> None:
    """Of answers, each in an entry of its own: bit-identical profiles."""
    found = []
    for order in itertools.islice(itertools.permutations(range(6)), 0, 720, 240):
        await connections.steady.unlink(
            "nothing",
            *[key async for key in connections.steady.scan_iter(match="turnout:{p07}:*profile*")],
            *[key async for key in connections.steady.scan_iter(match="turnout:{p07}:record*")],
        )
        singles = [ended(number + 2, answer(EVENTS[at], LABELS[at])) for number, at in enumerate(order)]
        await delivered(connections, [TOLD], singles)
        found.append(await profile(connections, baseline))
    assert found[0].rows == 6
    assert all(one == found[0] for one in found)
