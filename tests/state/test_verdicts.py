"""Verdicts of drift: the latest counts, too old says nothing, and silence is never ok."""

import random
import time
from typing import Any

import pytest
from turnout.drift.v1 import result_pb2
from turnout.drift.v1.result_pb2 import DriftResult

from services.state import metric_keys
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.verdicts import VerdictReader, VerdictStore
from tests.state.background import running
from tests.waiting import eventually

ALERT, OK = result_pb2.DRIFT_STATUS_ALERT, result_pb2.DRIFT_STATUS_OK


def result(status: result_pb2.DriftStatus, age: float = 0.0, model: str = "a") -> DriftResult:
    made = DriftResult(model=f"models/{model}", status=status)
    made.create_time.FromMicroseconds(int((time.time() - age) * 1e6))
    return made


def reader(connections: Connections, **options: Any) -> VerdictReader:
    told: dict[str, Any] = {"uid_of": lambda name: name.replace("models/", "uid-"), "now": time.time}
    return VerdictReader(connections, rng=random.Random(1), **told | options)


@pytest.mark.parametrize("status", [s for s in result_pb2.DriftStatus.values() if s])
async def test_a_status_is_told_in_lower_case(connections: Connections, status: Any) -> None:
    await VerdictStore(connections).publish("uid-a", result(status))
    one = reader(connections)
    await one.poll()
    assert one.get("models/a") == result_pb2.DriftStatus.Name(status).removeprefix("DRIFT_STATUS_").lower()


async def test_of_two_analyses_the_later_counts_whichever_is_written_last(connections: Connections) -> None:
    store, one = VerdictStore(connections), reader(connections)
    await store.publish("uid-a", result(ALERT, age=1))
    await store.publish("uid-a", result(OK, age=60))
    await one.poll()
    assert (one.get("models/a"), one.version) == ("alert", 1)


async def test_unknown_and_deleted_models_have_no_verdict(connections: Connections) -> None:
    store, one = VerdictStore(connections), reader(connections)
    await store.publish("uid-a", result(OK))
    await one.poll()
    assert one.get("models/b") is None
    await store.forget("uid-a")
    await store.forget("uid-a")
    await one.poll()
    assert (one.get("models/a"), one.version) == (None, 2)


async def test_a_verdict_grows_too_old_and_its_followers_are_told(connections: Connections) -> None:
    later, told = [0.0], list[frozenset[str]]()
    one = reader(
        connections,
        now=lambda: time.time() + later[0],
        on_change=told.append,
        expiry_seconds=3600.0,
    )
    await VerdictStore(connections).publish("uid-a", result(OK))
    await one.poll()
    assert one.get("models/a") == "ok"
    later[0] = 3601.0
    assert one.get("models/a") is None
    await one.poll()
    await one.poll()
    assert told == [frozenset({"models/a"})] * 2


async def test_replicas_have_it_within_moments(connections: Connections) -> None:
    one = reader(connections, poll_seconds=600.0)
    async with running(one.run()):
        await eventually(lambda: _subscribed(connections))
        await VerdictStore(connections).publish("uid-a", result(ALERT))
        await eventually(lambda: one.get("models/a") == "alert")


async def _subscribed(connections: Connections) -> bool:
    counts: Any = await connections.steady.pubsub_numsub(metric_keys.verdicts_channel())
    return bool(counts[0][1])


async def test_a_newer_format_is_left_alone(connections: Connections) -> None:
    store, one = VerdictStore(connections), reader(connections)
    await store.publish("uid-a", result(OK))
    await one.poll()
    await connections.steady.hset(metric_keys.verdicts(), mapping={"format": 99, "version": 7})
    with pytest.raises(NewerFormat):
        await store.publish("uid-a", result(ALERT))
    await one.poll()
    assert one.get("models/a") == "ok"
