"""One truth per (prediction, row, metric): the latest observation, however often and late it comes."""

import random
import time

import pytest
from turnout.inference.v1.event_pb2 import Truth, TruthEntry

from services.state import formats, ids, keys
from services.state.connection import Connections
from services.state.errors import BadPredictionId, StoreFull
from services.state.streams import TRUTH
from services.state.truth import Appended, TruthLog

RETENTION = 3600.0
PREDICTION = ids.new_prediction_id(9, time.time(), random.Random(7))


def truth(label: str, observed: float, feedback_id: str = "", **fields: object) -> TruthEntry:
    entry = TruthEntry(
        format=formats.TRUTH,
        prediction_id=PREDICTION,
        truth=Truth(label=label),
        feedback_id=feedback_id,
        **fields,  # type: ignore[arg-type]
    )
    entry.observed_at.FromNanoseconds(int(observed * 1e9))
    return entry


async def labels(connections: Connections) -> list[str]:
    found = await connections.steady.xrange(keys.truth(9))
    return [TRUTH.decode(fields[TRUTH.field]).truth.label for _, fields in found]


async def test_the_same_truth_counts_once(connections: Connections) -> None:
    log = TruthLog(connections)
    assert await log.append(truth("yes", 10, "f1"), RETENTION) is Appended.APPENDED
    assert await log.append(truth("yes", 10, "f1"), RETENTION) is Appended.DUPLICATE
    assert await log.append(truth("yes", 10, "f2"), RETENTION) is Appended.DUPLICATE
    assert await log.append(truth("no", 10, "f3"), RETENTION) is Appended.CORRECTED
    assert await labels(connections) == ["yes", "no"]


@pytest.mark.parametrize("feedback_id", ["", "f1"])
async def test_a_retry_without_its_own_time_is_the_same_truth(
    connections: Connections, feedback_id: str
) -> None:
    """observed_at is then the time of receipt, which differs from try to try."""
    log = TruthLog(connections)
    await log.append(truth("yes", 10, feedback_id), RETENTION)
    assert await log.append(truth("yes", 11, feedback_id), RETENTION) is Appended.DUPLICATE
    assert await log.append(truth("no", 10.5, feedback_id), RETENTION) is Appended.SUPERSEDED
    assert await labels(connections) == ["yes"]


async def test_a_correction_replaces_and_an_older_one_does_not(connections: Connections) -> None:
    log = TruthLog(connections)
    await log.append(truth("yes", 10, "f1"), RETENTION)
    assert await log.append(truth("no", 20, "f2"), RETENTION) is Appended.CORRECTED
    assert await log.append(truth("maybe", 15, "f3"), RETENTION) is Appended.SUPERSEDED
    assert await labels(connections) == ["yes", "no"]


async def test_at_the_same_time_the_greater_id_holds(connections: Connections) -> None:
    log = TruthLog(connections)
    await log.append(truth("b", 10, "f-B"), RETENTION)
    # In a locale's order, lower case comes first; byte by byte it comes last.
    assert await log.append(truth("a", 10, "f-a"), RETENTION) is Appended.CORRECTED
    assert await log.append(truth("c", 10, "f-C"), RETENTION) is Appended.SUPERSEDED
    assert await log.append(truth("d", 10, "f-a"), RETENTION) is Appended.DUPLICATE
    assert await log.append(truth("e", 10, "f-aa"), RETENTION) is Appended.CORRECTED


async def test_rows_and_metrics_are_apart(connections: Connections) -> None:
    log = TruthLog(connections)
    entries = [truth("x", 10), truth("x", 10, row=1), truth("x", 10, metric="conversion")]
    assert await log.append_all(entries, RETENTION) == [Appended.APPENDED] * 3
    assert await log.append_all(entries, RETENTION) == [Appended.DUPLICATE] * 3


async def test_what_was_seen_is_forgotten_with_the_prediction(connections: Connections) -> None:
    await TruthLog(connections).append(truth("x", 10), RETENTION)
    key = keys.truth_seen(9, ids.minute_of(PREDICTION))
    assert RETENTION < await connections.steady.ttl(key) < RETENTION + 3720
    await TruthLog(connections).append(truth("x", 10, row=1), RETENTION / 2)
    assert await connections.steady.ttl(key) > RETENTION


async def test_a_full_stream_refuses_and_forgets_nothing(connections: Connections) -> None:
    log = TruthLog(connections, most=2)
    await log.append_all([truth("a", 10), truth("b", 11)], RETENTION)
    with pytest.raises(StoreFull):
        await log.append(truth("c", 12), RETENTION)
    assert await TruthLog(connections).append(truth("c", 12), RETENTION) is Appended.CORRECTED
    assert await labels(connections) == ["a", "b", "c"]


async def test_refuses_what_is_no_prediction_id(connections: Connections) -> None:
    entry = truth("a", 10)
    entry.prediction_id = "42"
    with pytest.raises(BadPredictionId) as refused:
        await TruthLog(connections).append(entry, RETENTION)
    assert refused.value.fields[0].field == "prediction_id"


async def test_what_comes_after_its_retention_leaves_no_mark(connections: Connections) -> None:
    await TruthLog(connections).append(truth("x", 10), -7200.0)
    assert await connections.steady.exists(keys.truth_seen(9, ids.minute_of(PREDICTION))) == 0
