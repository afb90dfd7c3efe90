"""Truths and rewards read back beside the predictions that they are about."""

import random
import time

from turnout.inference.v1.event_pb2 import PredictionEvent, PredictionRecord, Truth, TruthEntry
from turnout.inference.v1.manifest_pb2 import Manifest

from services.state import formats, ids
from services.state.claims import Claim, Learner, Report
from services.state.connection import Connections
from services.state.earned import EarnedReader, Scale
from services.state.rewards import RewardStore
from services.state.truth import Appended, TruthLog
from services.state.truths import TruthReader

NOW = time.time()


def record(seed: int, rows: int = 1) -> PredictionRecord:
    name = ids.new_prediction_id(9, NOW - seed * 61, random.Random(seed))
    return PredictionRecord(event=PredictionEvent(manifest=Manifest(prediction_id=name), rows=rows))


def name_of(one: PredictionRecord) -> str:
    return one.event.manifest.prediction_id


async def tell(connections: Connections, one: PredictionRecord, label: str, **how: object) -> Appended:
    entry = TruthEntry(
        format=formats.TRUTH,
        prediction_id=name_of(one),
        truth=Truth(label=label),
        **how,  # type: ignore[arg-type]
    )
    entry.observed_at.FromSeconds(int(NOW) + len(label))
    return await TruthLog(connections).append(entry, 3600.0)


async def test_the_truth_that_holds_is_read_by_row(connections: Connections) -> None:
    one, other, batch = record(1), record(2), record(3, rows=3)
    await tell(connections, one, "no")
    assert await tell(connections, one, "yes") is Appended.CORRECTED
    assert await tell(connections, one, "a") is Appended.SUPERSEDED
    await tell(connections, batch, "cat", row=2)
    await tell(connections, other, "fast", metric="speed")
    found = await TruthReader(connections).read([one, other, batch])
    assert {place: entry.truth.label for place, entry in found.items()} == {
        (name_of(one), 0): "yes",
        (name_of(batch), 2): "cat",
    }


async def test_a_prediction_is_known_with_the_truth_of_any_row(connections: Connections) -> None:
    one, other, batch = record(1), record(2), record(3, rows=3)
    await tell(connections, batch, "cat", row=1)
    await tell(connections, one, "fast", metric="speed")
    assert await TruthReader(connections).known([one, other, batch]) == {name_of(batch)}
    assert await TruthReader(connections).known([]) == set()


async def test_rewards_come_back_in_their_metrics_range(connections: Connections) -> None:
    one, batch = record(1), record(2, rows=2)
    uid = ids.new_uid(NOW, random.Random(5))
    revenue = Scale("revenue", -5.0, 15.0)
    store = RewardStore(connections.steady)
    for about, row, scale, units in (
        (one, 0, Scale("accuracy"), 1_000_000),
        (one, 0, revenue, 500_000),
        (batch, 1, revenue, 250_000),
    ):
        report = Report(name_of(about), row, "a", units, 1_000_000, "f")
        await store.apply([Claim(Learner(9, uid, scale.key), report, 10, 3600.0)], NOW)
    found = await EarnedReader(connections).read(uid, [Scale("accuracy"), revenue], [one, batch])
    assert found == {
        (name_of(one), 0): {"accuracy": 1.0, "revenue": 5.0},
        (name_of(batch), 1): {"revenue": 0.0},
    }
    assert await EarnedReader(connections).read(uid, [Scale("revenue")], [one]) == {}
