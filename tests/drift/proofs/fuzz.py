"""Baselines and windows that nobody would think of, and what must be true of whatever is said of them.

`make fuzz-drift` draws a hundred thousand and writes build/fuzz-drift.json; the tests draw some hundred.
"""

import json
import math
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from google.protobuf.message import Message
from numpy.random import Generator
from turnout.drift.v1 import result_pb2
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1 import model_pb2

from services.drift.baselines import Baseline
from services.drift.cells import Frame, Vocabulary
from services.drift.observed import rows_of
from services.drift.rows import Row
from services.drift.spelling import name_of, number_of
from services.drift.verdict import LEAST_ROWS
from services.foundation.errors import InvalidArgument
from tests.drift.proofs.outliers import changed
from tests.drift.proofs.path import NOW, baseline_of, observed, stored, told, window_of

MOST_ROWS = 240
OUTLIER_SEEDS = 60
# Enough for a change of half of all rows to be certain, however many features share the error rate.
CERTAIN_ROWS = 60
WILD = (
    1.7976931348623157e308,
    -1.7976931348623157e308,
    5e-324,
    -0.0,
    1e-300,
    2.0**53,
    float("nan"),
    math.inf,
)
NAMES = ("basic", "gold", "", " ", "Ünïcode", "a" * 300, "nan", "0", "\x00", "😀", "__other__", "null")


def normal(rng: Generator, size: int) -> list[float]:
    return list(rng.normal(rng.choice([0, 1e-9, 40, 1e12]), rng.choice([1e-12, 1, 1e9]), size))


def constant(rng: Generator, size: int) -> list[float]:
    return [float(rng.choice([0.0, -0.0, 1.5, 1e308, -5e-324, 1e-310]))] * size


def few(rng: Generator, size: int) -> list[float]:
    return list(rng.integers(0, rng.integers(1, 40), size).astype(float))


def heavy(rng: Generator, size: int) -> list[float]:
    with np.errstate(over="ignore"):
        return list(np.exp(rng.normal(0, rng.choice([1, 50, 400]), size)))


def wild(rng: Generator, size: int) -> list[float]:
    return list(rng.choice(WILD, size))


def bits(rng: Generator, size: int) -> list[float]:
    """Any eight bytes: NaN of all kinds, subnormal numbers, both zeros."""
    return list(np.frombuffer(rng.bytes(8 * size), dtype="<f8"))


def nothing(rng: Generator, size: int) -> list[float]:
    return [float(rng.choice([math.nan, math.inf, -math.inf]))] * size


NUMBERS: tuple[Callable[[Generator, int], list[float]], ...] = (
    normal, normal, constant, few, few, heavy, wild, bits, nothing,
)  # fmt: skip


def some_names(rng: Generator, size: int) -> list[str]:
    return [str(name) for name in rng.choice(NAMES[: rng.integers(1, len(NAMES) + 1)], size)]


def zipf(rng: Generator, size: int) -> list[str]:
    return [f"n{name}" for name in np.minimum(rng.zipf(1.3, size), 10**12)]


def distinct(rng: Generator, size: int) -> list[str]:
    start = int(rng.integers(0, 3)) * MOST_ROWS
    return [f"id-{start + index}" for index in range(size)]


def one_name(rng: Generator, size: int) -> list[str]:
    return [NAMES[rng.integers(0, len(NAMES))]] * size


TEXTS: tuple[Callable[[Generator, int], list[str]], ...] = (some_names, some_names, zipf, distinct, one_name)


@dataclass
class Case:
    """A baseline's columns and a window's events."""

    numeric: dict[str, list[float]] = field(default_factory=dict)
    categorical: dict[str, list[str | None]] = field(default_factory=dict)
    events: list[PredictionEvent] = field(default_factory=list)


def draw(rng: Generator) -> Case:
    """A case: one to four features, each of a window like its baseline, or of any other kind."""
    case, rows = Case(), size_of(rng)
    window_rows = size_of(rng)
    columns: dict[str, list[float] | list[str]] = {}
    for index in range(rng.integers(1, 5)):
        name = ("x", "y z", "Ω", "a.b")[index]
        if rng.random() < 0.6:
            make = NUMBERS[rng.integers(len(NUMBERS))]
            case.numeric[name] = sprinkled(rng, make(rng, rows))
            columns[name] = other_numbers(rng, make, case.numeric[name], window_rows)
        else:
            text = TEXTS[rng.integers(len(TEXTS))]
            case.categorical[name] = [value or None for value in text(rng, rows)]
            columns[name] = (text if rng.random() < 0.6 else TEXTS[rng.integers(len(TEXTS))])(
                rng, window_rows
            )
    case.events = [
        event_of(rng, {name: column[row] for name, column in columns.items()}) for row in range(window_rows)
    ]
    return case


def size_of(rng: Generator) -> int:
    any_size = int(rng.integers(1, MOST_ROWS))
    return (0, 1, 2, 29, 30, 31, MOST_ROWS, any_size)[rng.integers(8)]


def other_numbers(
    rng: Generator, make: Callable[[Generator, int], list[float]], before: list[float], size: int
) -> list[float]:
    """The same kind, the same values drawn again, or another kind."""
    kind = rng.random()
    if kind < 0.4 and before:
        return sprinkled(rng, [float(value) for value in rng.choice(np.array(before), size)])
    return sprinkled(rng, (make if kind < 0.7 else NUMBERS[rng.integers(len(NUMBERS))])(rng, size))


def sprinkled(rng: Generator, values: list[float]) -> list[float]:
    """Now and then a value is a wild one."""
    if rng.random() < 0.5:
        return values
    share = rng.choice([0.01, 0.2, 0.9])
    return [WILD[rng.integers(len(WILD))] if rng.random() < share else value for value in values]


def event_of(rng: Generator, values: dict[str, float | str]) -> PredictionEvent:
    """A prediction as it is logged; now and then a feature is absent, of the wrong type, or redacted."""
    event = PredictionEvent()
    event.time.FromMicroseconds(int((NOW - rng.integers(0, 3600)) * 1e6))
    for name, value in values.items():
        luck = rng.random()
        if luck < 0.005:
            continue
        if luck < 0.01:
            event.withheld.append(name)
        elif (luck < 0.015) == isinstance(value, str):
            event.features.numeric_features[name] = 1.0 if isinstance(value, str) else value
        else:
            event.features.categorical_features[name] = str(value)
    event.features.SetInParent()
    return event


def complaints(case: Case) -> Iterator[str]:
    """What is wrong with what is said of a case. What the baseline refuses with a reason is not."""
    try:
        baseline = baseline_of(case.numeric, case.categorical)
    except InvalidArgument:
        return
    rows = [row for event in case.events for row in rows_of(event) if isinstance(row, Row)]
    blobs = stored(baseline, observed(case.events))
    profile = window_of(baseline, blobs)
    result = told(baseline, profile)
    if result.rows != len(rows):
        yield f"{len(rows)} rows, {result.rows} told"
    if told(baseline, profile) != result:
        yield "said twice, said differently"
    yield from (f"{path} is not finite" for path in not_finite(result))
    if not result.summary:
        yield "no summary"
    for one in result.features:
        yield from (f"{one.feature!r}: {said}" for said in wrong_of(one, baseline, rows, result))
    decided = [one for one in result.features if one.status != result_pb2.DRIFT_STATUS_INSUFFICIENT_DATA]
    if not decided and result.status == result_pb2.DRIFT_STATUS_OK:
        yield "ok, of nothing"


def not_finite(message: Message, path: str = "result") -> Iterator[str]:
    for known, value in message.ListFields():
        values = value if known.is_repeated else [value]
        if known.cpp_type == known.CPPTYPE_DOUBLE:
            yield from (f"{path}.{known.name}" for each in values if not math.isfinite(each))
        elif known.message_type and not known.message_type.GetOptions().map_entry:
            for each in values:
                yield from not_finite(each, f"{path}.{known.name}")


def wrong_of(
    one: result_pb2.FeatureDrift, baseline: Baseline, rows: list[Row], result: result_pb2.DriftResult
) -> Iterator[str]:
    """Of one feature: numbers out of their ranges, and an `ok` that nothing supports."""
    for name in ("p_value", "adjusted_p_value", "ks_p_value", "chi_square_p_value", "missing_p_value", "ks",
                 "ks_upper", "jensen_shannon", "hellinger", "l_infinity", "missing_share"):  # fmt: skip
        if not 0 <= getattr(one, name) <= 1:
            yield f"{name} is {getattr(one, name)}"
    if one.psi < 0 or one.wasserstein < 0 or one.ks > one.ks_upper:
        yield f"psi {one.psi}, wasserstein {one.wasserstein}, ks {one.ks} to {one.ks_upper}"
    before = next(feature for feature in baseline.features if feature.name == one.feature)
    present = int(before.frame.present(before.tally).sum())
    seen = [value for row in rows if (value := value_of(row, one, one.feature in row.withheld)) is not None]
    known = [
        value for value in seen if value != "" and not (isinstance(value, float) and not math.isfinite(value))
    ]
    if one.rows != len(known):
        yield f"{len(known)} values, {one.rows} told"
    if one.status != result_pb2.DRIFT_STATUS_OK:
        return
    if min(present, len(known)) < LEAST_ROWS:
        yield f"ok, of {present} and {len(known)} values"
    if before.tally.rows < CERTAIN_ROWS or len(seen) < CERTAIN_ROWS:
        return
    gone = 1 - len(known) / len(seen) - (1 - present / before.tally.rows)
    if abs(gone) > 0.5 and not one.missingness_changed:
        yield f"ok, although {gone:.0%} more are missing"
    if not any(one.feature in said for said in result.warnings) and strange(before.frame, known) > 0.5:
        yield "ok without a word, although most values are new"


def value_of(row: Row, one: result_pb2.FeatureDrift, withheld: bool) -> float | str | None:
    """What the row has of the feature: None if nothing may be known, NaN or '' if it is missing."""
    if withheld:
        return None
    number, text = row.numeric.get(one.feature), row.categorical.get(one.feature)
    if one.kind == model_pb2.FEATURE_KIND_NUMERIC:
        if number is None and text is not None:
            number = number_of(text)
        return math.nan if number is None else number
    if text is None:
        text = name_of(math.nan if number is None else number)
    return text


def strange(frame: Frame, known: Sequence[float | str]) -> float:
    """The share of values beyond the baseline's range, or of names that it did not have."""
    if isinstance(frame, Vocabulary):
        return sum(value not in frame.names for value in known) / max(len(known), 1)
    first, last = frame.edges[0], frame.edges[-1]
    return sum(not first < float(value) <= last for value in known) / max(len(known), 1)


def run(seed: int, count: int, first: int = 0) -> tuple[Counter[str], list[str]]:
    """How many cases ended how, and whatever was wrong, with the seed that draws it again."""
    ends: Counter[str] = Counter()
    wrong = []
    for number in range(first, first + count):
        case = draw(np.random.default_rng([seed, number]))
        try:
            with warnings.catch_warnings(action="error"):
                said = list(complaints(case))
        except Exception as error:  # noqa: BLE001 (any at all is what this looks for)
            said = [f"{type(error).__name__}: {error}"]
        ends["wrong" if said else "right"] += 1
        wrong += [f"[{seed}, {number}] {each}" for each in said]
    return ends, wrong


def _flipped(seed: int) -> list[str]:
    return list(changed(seed))


def main() -> None:
    """All of them, on every core."""
    began, count, part = time.monotonic(), 100_000, 1000
    ends: Counter[str] = Counter()
    wrong: list[str] = []
    with ProcessPoolExecutor() as pool:
        for some, said in pool.map(partial(run, 1, part), range(0, count, part)):
            ends += some
            wrong += said
        wild = list(range(OUTLIER_SEEDS))
        flipped = [each for some in pool.map(_flipped, wild) for each in some]
    written = Path("build/fuzz-drift.json")
    written.parent.mkdir(exist_ok=True)
    found = {
        "cases": count,
        "ends": ends,
        "wrong": wrong[:100],
        "outliers": {"seeds": len(wild), "flipped": flipped},
        "seconds": round(time.monotonic() - began, 1),
    }
    written.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(f"{count} cases, {len(wrong)} complaints: {written}\n")
    sys.exit(bool(wrong or flipped))


if __name__ == "__main__":
    main()
