"""One truth per (prediction, row, metric): the latest observation, however often and late it comes."""

import random
import time

import pytest
from turnout.inference.v1.event_pb2 import Truth, TruthEntry

from services.state import formats, ids, keys
from services.state.connection import Connections
from services.state.errors import BadPredictionId, RequestIdReused, StoreFull
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


async def remembered(connections: Connections) -> bytes:
    """What is known of the first row."""
    key = keys.truth_seen(9, ids.minute_of(PREDICTION))
    return await connections.steady.hget(key, f"{PREDICTION}:0:") or b""


async def test_the_same_truth_counts_once(connections: Connections) -> None:
    log = TruthLog(connections)
    assert await log.append(truth("yes", 10, "f1"), RETENTION) is Appended.APPENDED
    assert await log.append(truth("yes", 10, "f1"), RETENTION) is Appended.DUPLICATE
    assert await log.append(truth("yes", 10, "f2"), RETENTION) is Appended.DUPLICATE
    assert await log.append(truth("no", 10, "f3"), RETENTION) is Appended.CORRECTED
    assert await labels(connections) == ["yes", "no"]


@pytest.mark.parametrize("again", ["", "f2"])
async def test_the_same_label_seen_later_holds_from_then_on(connections: Connections, again: str) -> None:
    log = TruthLog(connections)
    await log.append(truth("yes", 10, again and "f1"), RETENTION)
    assert await log.append(truth("yes", 11, again), RETENTION) is Appended.DUPLICATE
    assert await log.append(truth("no", 10.5, again and "f3"), RETENTION) is Appended.SUPERSEDED
    assert await labels(connections) == ["yes"]


async def test_a_retry_without_its_own_time_changes_nothing(connections: Connections) -> None:
    """observed_at is then the time of receipt, which differs from try to try."""
    log = TruthLog(connections)
    await log.append(truth("yes", 10, "f1"), RETENTION)
    assert await log.append(truth("yes", 11, "f1"), RETENTION) is Appended.DUPLICATE
    assert await log.append(truth("no", 10.5, "f2"), RETENTION) is Appended.CORRECTED
    assert await log.append(truth("yes", 12, "f1"), RETENTION) is Appended.DUPLICATE
    assert await labels(connections) == ["yes", "no"]


async def test_a_superseded_report_stays_superseded_when_it_is_retried(connections: Connections) -> None:
    log = TruthLog(connections)
    await log.append(truth("no", 50, "f1"), RETENTION)
    assert await log.append(truth("yes", 10, "f2"), RETENTION) is Appended.SUPERSEDED
    assert await log.append(truth("yes", 60, "f2"), RETENTION) is Appended.DUPLICATE
    assert await labels(connections) == ["no"]


@pytest.mark.parametrize("seed", range(12))
async def test_retries_in_any_order_leave_the_state_of_the_first_pass(
    connections: Connections, seed: int
) -> None:
    rng, log = random.Random(seed), TruthLog(connections)
    reports = [(rng.choice("abc"), rng.randrange(5), f"f{number}") for number in range(10)]
    for label, observed, id_ in reports:
        await log.append(truth(label, observed, id_), RETENTION)
    kept, stream = await remembered(connections), await labels(connections)
    retries = [(label, observed + rng.choice([0, 0.5, 100]), id_) for label, observed, id_ in reports * 2]
    rng.shuffle(retries)
    answers = [await log.append(truth(*retry), RETENTION) for retry in retries]
    assert answers == [Appended.DUPLICATE] * 20
    assert (await remembered(connections), await labels(connections)) == (kept, stream)


async def test_so_many_reports_on_one_row_and_no_more(connections: Connections) -> None:
    log = TruthLog(connections)
    for number in range(32):
        await log.append(truth(f"label {number}", number, f"f{number}"), RETENTION)
    kept = await remembered(connections)
    with pytest.raises(StoreFull, match="32 reports"):
        await log.append(truth("other", 99, "f32"), RETENTION)
    assert await log.append(truth("label 31", 99, "f33"), RETENTION) is Appended.DUPLICATE
    assert await log.append(truth("label 0", 99, "f0"), RETENTION) is Appended.DUPLICATE
    assert await log.append(truth("other", 99, "f32", row=1), RETENTION) is Appended.APPENDED
    assert await remembered(connections) == kept


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
    assert await log.append(truth("a", 10, "f-a"), RETENTION) is Appended.DUPLICATE
    assert await log.append(truth("e", 10, "f-aa"), RETENTION) is Appended.CORRECTED


async def test_an_id_that_came_with_another_truth_is_refused_whichever_holds(
    connections: Connections,
) -> None:
    log = TruthLog(connections)
    await log.append(truth("yes", 10, "f1"), RETENTION)
    await log.append(truth("no", 20, "f2"), RETENTION)
    kept = await remembered(connections)
    for id_, label, observed in (("f1", "no", 30), ("f1", "maybe", 5), ("f2", "yes", 20)):
        with pytest.raises(RequestIdReused, match=f"feedback_id {id_} came before with other content"):
            await log.append(truth(label, observed, id_), RETENTION)
    assert await log.append(truth("yes", 30, "f1"), RETENTION) is Appended.DUPLICATE
    assert (await remembered(connections), await labels(connections)) == (kept, ["yes", "no"])


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
