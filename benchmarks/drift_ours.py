"""Our own part of the comparison: `drift_ours.py FOLDER` folds a day of logged predictions, and analyses it.

What is timed is what the service does between Redis and Redis: a baseline of columns; events, read from
their bytes and folded into the buckets of their time, a batch at a time; and an analysis of the day. Making
the events is the router's work, and not timed.
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import numpy as np
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent

from benchmarks.drift_peer import megabytes
from benchmarks.drift_table import CATEGORICAL, NUMERIC, codes, names, numbers
from services.drift.analysis import Finding, analyse
from services.drift.baselines import Baseline, measure_columns
from services.drift.buckets import Bucket, cover
from services.drift.cells.blob import Profile, empty
from services.drift.folding import add
from services.drift.observed import records_of
from services.drift.placing import place
from services.drift.verdict import Level
from services.state.ids import PARTITIONS, new_prediction_id
from services.state.logged import read_packed

# What one entry of a stream carries, and the entries of one read of it.
BATCH, ENTRIES = 256, 16
DAY = 86_400.0
# Midnight of 2026-11-22; the window ends a day later, and that is when it is analysed.
START = 1_795_305_600.0
ANALYSES = 50


def baseline_of(folder: Path) -> Baseline:
    """The reference as counts on cells."""
    numeric = {name: numbers(folder, "reference", name) for name in NUMERIC}
    words = {name: np.array(names(name), dtype=object) for name in CATEGORICAL}
    categorical = {name: words[name][codes(folder, "reference", name)].tolist() for name in CATEGORICAL}
    rows, features = measure_columns(numeric, categorical, {})  # type: ignore[arg-type]  # arrays are sequences here
    return Baseline("b", "b", "models/m", "m", rows, features, START)


def reads(folder: Path) -> Iterator[list[bytes]]:
    """The current part as events of a day, in the order of time, as they lie in the stream: the entries of
    each read."""
    entries: list[bytes] = []
    for written in batches(folder):
        entries.append(EventBatch(predictions=written).SerializeToString())
        if len(entries) == ENTRIES:
            yield entries
            entries = []
    yield entries


def batches(folder: Path) -> Iterator[list[bytes]]:
    """The events of each entry."""
    table = np.column_stack([numbers(folder, "current", name) for name in NUMERIC])
    kinds = [codes(folder, "current", name).tolist() for name in CATEGORICAL]
    words = [names(name) for name in CATEGORICAL]
    event, rng = PredictionEvent(), random.Random(1)
    for first in range(0, len(table), BATCH):
        written = []
        for row in range(first, min(first + BATCH, len(table))):
            made = START + DAY * row / len(table)
            event.manifest.prediction_id = new_prediction_id(row % PARTITIONS, made, rng)
            event.event_time.FromNanoseconds(int(made * 1e9))
            event.time.CopyFrom(event.event_time)
            event.features.numeric_features.update(zip(NUMERIC, table[row].tolist(), strict=True))
            for name, its, codes_of in zip(CATEGORICAL, words, kinds, strict=True):
                event.features.categorical_features[name] = its[codes_of[row]]
            written.append(event.SerializeToString())
        yield written


def ingest(baseline: Baseline, folder: Path) -> tuple[dict[Bucket, Profile], float]:
    """The buckets of the day, and the seconds that folding took."""
    stored: dict[Bucket, Profile] = {}
    spent, now = 0.0, START + DAY
    for number, entries in enumerate(reads(folder), start=1):
        began = time.process_time()
        rows = {
            f"{number}-{at}": records_of(read_packed(entry).predictions) for at, entry in enumerate(entries)
        }
        stored |= add(baseline, stored, place(rows, now))
        spent += time.process_time() - began
    return stored, spent


def analysis(baseline: Baseline, stored: dict[Bucket, Profile]) -> tuple[Finding, float]:
    """What the day comes to, and the milliseconds of CPU that it takes: the median of several."""
    now, taken = START + DAY, list[float]()
    window = cover(START, now, now)
    for _ in range(ANALYSES):
        # CPU, for nobody else may take part in a few milliseconds.
        began = time.process_time()
        day = reduce(
            Profile.plus, (one for bucket, one in stored.items() if bucket in window), empty(baseline.sizes)
        )
        finding = analyse(baseline, day)
        taken.append((time.process_time() - began) * 1e3)
    return finding, statistics.median(taken)


def main(folder: Path) -> None:
    """Say what each step cost."""
    began = time.process_time()
    baseline = baseline_of(folder)
    made = time.process_time() - began
    before = megabytes()
    stored, folded = ingest(baseline, folder)
    finding, milliseconds = analysis(baseline, stored)
    values = finding.rows * (len(NUMERIC) + len(CATEGORICAL))
    told = {
        "library": "turnout",
        "baseline_cpu_s": made,
        "ingest_cpu_s": folded,
        "ingest_ns_per_value": folded / values * 1e9,
        "analyze_cpu_ms": milliseconds,
        "rows": finding.rows,
        "drifting": [
            one.feature.name
            for one in finding.features
            if one.verdict.decision in (Level.WARNING, Level.ALERT)
        ],
        "peak_before_mb": before,
        "peak_mb": megabytes(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
