"""Exports over a channel: what is in them, how they travel, and that the docs say so."""

import io
import json
import random
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth, TruthEntry
from turnout.inference.v1.manifest_pb2 import (
    DECISION_MODE_STRATEGY,
    DRAW_SOURCE_GENERATOR,
    OUTCOME_SERVED,
    PARTICIPANT_ROLE_PRIMARY,
    Decision,
    Manifest,
)
from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.errors import RemoteError
from services.router.logbook.chunks import CHUNK_BYTES
from services.router.logbook.columns import CANDIDATE, COLUMNS, PARTICIPANT
from services.state import formats
from services.state.claims import Claim, Learner, Report
from services.state.rewards import RewardStore
from services.state.truth import TruthLog
from tests.router.logbook.conftest import Shelf

DOCS = Path(__file__).parents[3] / "docs/export.md"
PARQUET, NDJSON = rpc.EXPORT_FORMAT_PARQUET, rpc.EXPORT_FORMAT_NDJSON


async def chunks(shelf: Shelf, **how: Any) -> list[rpc.ExportPredictionsResponse]:
    request = rpc.ExportPredictionsRequest(router="cancer", **how)
    return [chunk async for chunk in shelf.stream("ExportPredictions", request)]


async def lines(shelf: Shelf, **how: Any) -> list[dict[str, Any]]:
    raw = b"".join(chunk.data for chunk in await chunks(shelf, **how))
    return [json.loads(line) for line in raw.splitlines()]


async def table(shelf: Shelf, **how: Any) -> Any:
    raw = b"".join(chunk.data for chunk in await chunks(shelf, format=PARQUET, **how))
    return pyarrow.parquet.read_table(io.BytesIO(raw))


def chosen() -> Decision:
    """A decision with everything that one may say."""
    decision = Decision(
        mode=DECISION_MODE_STRATEGY,
        model="models/a",
        strategy="weighted",
        policy="gold",
        propensity=0.25,
        draw=DRAW_SOURCE_GENERATOR,
        u=0.125,
        rule_errors=["torn"],
        versions={"learner": 4},
    )
    decision.candidates.add(variant="a", model="models/a", probability=0.25, eligible=True, score=0.5)
    decision.candidates.add(variant="b", model="models/b", probability=0.75, reason="ejected")
    return decision


def decided() -> PredictionEvent:
    """What a served prediction's event says."""
    manifest = Manifest(generation=3, decision=chosen(), warnings=["mind"], trace_id="t" * 32)
    manifest.total_cost.amount, manifest.total_cost.currency = 0.5, "USD"
    manifest.total_latency.FromMilliseconds(12)
    manifest.participants.add(
        model="models/a",
        version="2",
        variant="a",
        role=PARTICIPANT_ROLE_PRIMARY,
        outcome=OUTCOME_SERVED,
        attempt=1,
        confidence=0.75,
    ).latency.FromMilliseconds(10)
    event = PredictionEvent(
        manifest=manifest,
        entity_id="me",
        external_id="visit",
        request_id="r",
        input_kind="tabular",
        attributes={"tier": "gold"},
        features={
            "numeric_features": {"age": 41.0, "odd": float("nan")},
            "categorical_features": {"plan": "pro"},
            "missing": ["income"],
        },
    )
    event.output.classification.label = "yes"
    event.output.classification.probabilities.add(label="no", probability=0.25)
    event.output.classification.probabilities.add(label="yes", probability=0.75)
    event.outputs.add(participant=0).output.CopyFrom(event.output)
    return event


def merged(shelf: Shelf, age: float, event: PredictionEvent) -> PredictionEvent:
    made = shelf.event(age)
    made.MergeFrom(event)
    return made


async def credit(shelf: Shelf, name: str, row: int, label: str, units: int) -> None:
    """The truth of a row, and the reward that it was."""
    entry = TruthEntry(format=formats.TRUTH, prediction_id=name, row=row, truth=Truth(label=label))
    entry.observed_at.FromSeconds(1_700_000_000)
    await TruthLog(shelf.connections).append(entry, 3600.0)
    learner = Learner(shelf.partition, shelf.router.uid, "accuracy")
    claim = Claim(learner, Report(name, row, "a", units, 1, "f"), 10, 3600.0)
    await RewardStore(shelf.connections.steady).apply([claim], 1_700_000_000.0)


# What a row of it says, beside its id, its time, candidates and participants.
KNOWN = {
    "row": 0,
    "rows": 1,
    "entity_id": "me",
    "external_id": "visit",
    "request_id": "r",
    "trace_id": "t" * 32,
    "input_kind": "tabular",
    "attributes": {"tier": "gold"},
    "numeric_features": {"age": 41.0, "odd": None},
    "categorical_features": {"plan": "pro"},
    "missing_features": ["income"],
    "router": "routers/cancer",
    "generation": 3,
    "mode": "STRATEGY",
    "strategy": "weighted",
    "policy": "gold",
    "variant": "a",
    "model": "models/a",
    "propensity": 0.25,
    "held": False,
    "draw": "GENERATOR",
    "u": 0.125,
    "rule_errors": ["torn"],
    "learner_version": 4,
    "outcome": "SERVED",
    "warnings": ["mind"],
    "label": "yes",
    "probabilities": {"no": 0.25, "yes": 0.75},
    "latency_ms": 12.0,
    "cost": 0.5,
    "currency": "USD",
    "truth_label": "no",
    "truth_time": "2023-11-14T22:13:20.000000000Z",
    "rewards": {"accuracy": 0.0},
}


async def test_a_row_has_the_decision_the_answer_and_what_came_of_it(shelf: Shelf) -> None:
    made = merged(shelf, 60, decided())
    (name,) = await shelf.write(made)
    await credit(shelf, name, 0, "no", 0)
    (row,) = await lines(shelf)
    stamp = Timestamp()
    stamp.FromJsonString(row.pop("time"))
    assert stamp == made.time
    candidate = row.pop("candidates")
    assert [one["variant"] for one in candidate] == ["a", "b"]
    assert candidate[0] | {"variant": ""} == {
        "variant": "",
        "model": "models/a",
        "probability": 0.25,
        "eligible": True,
        "score": 0.5,
        "reason": None,
    }
    (participant,) = row.pop("participants")
    assert participant == dict.fromkeys(PARTICIPANT) | {
        "model": "models/a",
        "version": "2",
        "variant": "a",
        "role": "PRIMARY",
        "outcome": "SERVED",
        "attempt": 1,
        "latency_ms": 10.0,
        "confidence": 0.75,
        "label": "yes",
    }
    known = KNOWN | {"prediction_id": name, "router_uid": shelf.router.uid}
    empty = dict.fromkeys(COLUMNS.keys() - known.keys() - {"time", "candidates", "participants"})
    assert row == known | empty


async def test_rows_of_a_batch_have_their_own_answers_and_truths(shelf: Shelf) -> None:
    batch = shelf.event(60, rows=3)
    batch.output.classification.label = "a"
    batch.output.classification.probabilities.add(label="a", probability=0.75)
    batch.output.classification.probabilities.add(label="b", probability=0.25)
    for label, chance in (("a", 0.75), ("b", 0.5), ("b", 0.25)):
        batch.output.classification.rows.add(label=label, probabilities=[chance, 1 - chance])
    numbers = shelf.event(50, rows=2)
    numbers.output.regression.values.extend([1.5, -2.0])
    failed = shelf.event(40, error_code="UNAVAILABLE", error_message="no")
    first, _, _ = await shelf.write(batch, numbers, failed)
    await credit(shelf, first, 1, "b", 1_000_000)
    found = await lines(shelf)
    assert [(row["row"], row["rows"], row["label"], row["value"], row["outcome"]) for row in found] == [
        (0, 3, "a", None, "SERVED"),
        (1, 3, "b", None, "SERVED"),
        (2, 3, "b", None, "SERVED"),
        (0, 2, None, 1.5, "SERVED"),
        (1, 2, None, -2.0, "SERVED"),
        (0, 1, None, None, "FAILED"),
    ]
    assert [row["probabilities"] for row in found[:3]] == [
        {"a": 0.75, "b": 0.25},
        {"a": 0.5, "b": 0.5},
        {"a": 0.25, "b": 0.75},
    ]
    assert [(row["truth_label"], row["rewards"]) for row in found[:3]] == [
        (None, {}),
        ("b", {"accuracy": 1.0}),
        (None, {}),
    ]


async def test_parquet_says_the_same(shelf: Shelf) -> None:
    name, *_ = await shelf.write(
        merged(shelf, 60, decided()), shelf.event(50, rows=2), shelf.event(40, error_code="INTERNAL")
    )
    await credit(shelf, name, 0, "no", 250_000)
    read, wanted = await table(shelf), await lines(shelf)
    assert read.column_names == list(COLUMNS) == list(wanted[0])
    for column, kind in COLUMNS.items():
        mine = read.column(column)
        if kind == "timestamp":
            assert str(mine.type) == "timestamp[ns, tz=UTC]"
            theirs = [row[column] and stamp_of(row[column]).ToNanoseconds() for row in wanted]
            assert mine.cast(pyarrow.int64()).to_pylist() == theirs
        else:
            assert mine.to_pylist(maps_as_pydicts="strict") == [row[column] for row in wanted]


async def test_nothing_is_an_empty_file_of_either_kind(shelf: Shelf) -> None:
    assert await chunks(shelf) == []
    read = await table(shelf)
    assert (read.num_rows, read.column_names) == (0, list(COLUMNS))


async def test_an_export_goes_on_where_it_broke_off(shelf: Shelf) -> None:
    made = [shelf.event(60 - place) for place in range(20)]
    await shelf.write(*made)
    whole = await lines(shelf)
    again = await lines(shelf, start_time=stamp_of(whole[7]["time"]))
    assert again == whole[7:]
    before = await lines(shelf, end_time=stamp_of(whole[7]["time"]))
    assert before == whole[:7]


def stamp_of(text: str) -> Timestamp:
    stamp = Timestamp()
    stamp.FromJsonString(text)
    return stamp


async def test_what_is_younger_than_five_seconds_is_left_for_the_next_one(shelf: Shelf) -> None:
    await shelf.write(shelf.event(6), shelf.event(0))
    assert len(await lines(shelf)) == 1


@pytest.mark.parametrize("form", [NDJSON, PARQUET])
async def test_a_large_one_travels_in_chunks_and_is_never_whole_in_memory(shelf: Shelf, form: Any) -> None:
    # Noise, for Parquet makes anything else small.
    rng = random.Random(4)
    made = [shelf.event(600 - place / 10, error_message=rng.randbytes(8000).hex()) for place in range(1500)]
    for start in range(0, len(made), 100):
        await shelf.write(*made[start : start + 100])
    request = rpc.ExportPredictionsRequest(router="cancer", format=form)
    lengths, rows = [], []
    tracemalloc.start()
    async for chunk in shelf.stream("ExportPredictions", request, within=100):
        lengths.append(len(chunk.data))
        rows.append(chunk.rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Half of the file at the least, as hexadecimal digits are.
    assert sum(lengths) > 10 * CHUNK_BYTES
    assert set(lengths[:-1]) == {CHUNK_BYTES}
    assert rows == sorted(rows)
    assert rows[-1] == len(made)
    # A portion of records and a row group, each in a few copies, whatever the size of the whole.
    assert sum(one.ByteSize() for one in made) > 22 * CHUNK_BYTES
    assert peak < 16 * CHUNK_BYTES


async def test_a_format_that_nobody_knows_is_refused(shelf: Shelf) -> None:
    with pytest.raises(RemoteError) as refused:
        await chunks(shelf, format=9)
    assert refused.value.code == "INVALID_ARGUMENT"
    assert "format" in refused.value.message


def test_the_docs_list_the_columns_as_they_are() -> None:
    documented = re.findall(r"^\| (\w+) \| (.+?) \| (.+) \|$", DOCS.read_text(), re.MULTILINE)
    assert {name: kind for name, kind, _ in documented if name != "column"} == COLUMNS
    told = {name: meaning for name, _, meaning in documented}
    assert [one for one in CANDIDATE if one not in told["candidates"]] == []
    own = [one for one in PARTICIPANT if one not in told["participants"]]
    assert own == []
