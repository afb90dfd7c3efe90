"""What counting a value for drift costs, by the way in which rows came: a part of `drift_speed`."""

import random
import time
from collections.abc import Sequence

import numpy as np
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent

from services.drift.baselines import Baseline
from services.drift.folding import add
from services.drift.observed import records_of
from services.drift.placing import place
from services.drift.rows import Rows
from services.state.ids import PARTITIONS, new_prediction_id
from services.state.logged import read_packed

NUMBERS = [f"n{index:02}" for index in range(20)]
WORDS = [f"c{index}" for index in range(5)]
CATEGORIES = 20
EVENTS, BATCH, TURNS = 4_096, 256, 15
SEED = 5
NOW = 1_760_000_030.0


def _event(rng: np.random.Generator) -> PredictionEvent:
    event = PredictionEvent()
    made, draw = NOW - 30 * float(rng.random()), random.Random(int(rng.integers(2**32)))
    event.manifest.prediction_id = new_prediction_id(int(rng.integers(PARTITIONS)), made, draw)
    event.time.FromNanoseconds(int(made * 1e9))
    event.event_time.CopyFrom(event.time)
    return event


def record(rng: np.random.Generator) -> bytes:
    """A record of a customer, as it is logged."""
    event = _event(rng)
    for name, value in zip(NUMBERS, rng.normal(size=len(NUMBERS)).tolist(), strict=True):
        event.features.numeric_features[name] = value
    for name in WORDS:
        event.features.categorical_features[name] = f"v{rng.integers(CATEGORIES)}"
    return event.SerializeToString()


def batch(rng: np.random.Generator) -> bytes:
    """A batch of rows as a tensor."""
    event = _event(rng)
    event.tensors.tensors.add(name="input", datatype="FP64", shape=[BATCH, len(NUMBERS)])
    event.tensors.raw_contents.append(rng.normal(size=(BATCH, len(NUMBERS))).astype("<f8").tobytes())
    return event.SerializeToString()


def folded(baseline: Baseline, events: Sequence[bytes], values: int) -> float:
    """Nanoseconds of CPU per value to read, check and fold the events of one read of a stream, from the bytes
    of its entries on."""
    some = [events[start : start + BATCH] for start in range(0, len(events), BATCH)]
    entries = [EventBatch(predictions=one).SerializeToString() for one in some]
    taken = []
    for _ in range(TURNS):
        began = time.process_time()
        rows = {f"{number}-0": _rows(entry) for number, entry in enumerate(entries)}
        add(baseline, {}, place(rows, NOW))
        taken.append(time.process_time() - began)
    # The least: whatever else the machine does only adds to it.
    return min(taken) / values * 1e9


def _rows(entry: bytes) -> list[Rows]:
    read = read_packed(entry)
    return records_of(read.predictions, NUMBERS, read=read.columns)


def ingested(baseline: Baseline) -> dict[str, float]:
    """The same by the way in which rows came."""
    rng = np.random.default_rng(SEED)
    records = [record(rng) for _ in range(EVENTS)]
    tensors = [batch(rng) for _ in range(EVENTS // BATCH)]
    kept = tuple(feature for feature in baseline.features if feature.name in NUMBERS)
    numbers = Baseline("u", "i", baseline.model, baseline.model_uid, baseline.rows, kept, 0.0)
    each = len(NUMBERS) + len(WORDS)
    return {
        "tensors": folded(numbers, tensors, EVENTS * len(NUMBERS)),
        "records": folded(baseline, records, EVENTS * each),
        "records, one batch": folded(baseline, records[:BATCH], BATCH * each),
    }
