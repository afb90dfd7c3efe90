"""Segments of predictions over a real channel: in the event of each, bounded, and never in the way."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import ATTRIBUTE_TYPE_NUMBER, Router

from services.foundation.errors import RemoteError
from services.router.conditions import Schema
from services.router.deciding.segments import IDLE_SECONDS, LONGEST_VALUE, Values, segments_of
from services.state import keys
from services.state.connection import Connections
from services.state.ids import partition_for
from tests.router.conftest import Desk, doctors
from tests.waiting import eventually


def parted(*segments: tuple[str, str, int], **strategy: Any) -> Router:
    """The two doctors, with segments of (name, expression, most values)."""
    made = doctors(**strategy)
    for name, expression, most in segments:
        made.segments.add(name=name, expression=expression, max_values=most)
    made.attributes["age"] = ATTRIBUTE_TYPE_NUMBER
    return made


async def logged(connections: Connections, router: Router, count: int) -> Sequence[PredictionEvent]:
    """The events of a router, once there are so many."""
    found: list[PredictionEvent] = []
    redis: Any = connections.steady

    async def all_there() -> bool:
        entries = await redis.xrange(keys.events(partition_for(router.uid)))
        batches = [EventBatch.FromString(fields[b"batch"]) for _, fields in entries]
        found[:] = [PredictionEvent.FromString(one) for batch in batches for one in batch.predictions]
        return len(found) == count

    await eventually(all_there)
    return found


def told(events: Sequence[PredictionEvent]) -> Sequence[Mapping[str, str]]:
    return [dict(event.segments) for event in events]


async def test_each_prediction_says_which_parts_of_the_traffic_it_belongs_to(
    desk: Desk, connections: Connections
) -> None:
    router = await desk.deploy(
        "parted",
        parted(("plan", "attributes['plan']", 20), ("grown", "age >= 18.0", 20), ("in", "input.kind", 20)),
    )
    await desk.predict("parted", attributes={"plan": "gold", "age": "30"})
    await desk.predict("parted", attributes={"plan": "free", "age": "7"})
    assert told(await logged(connections, router, 2)) == [
        {"plan": "gold", "grown": "true", "in": "row"},
        {"plan": "free", "grown": "false", "in": "row"},
    ]


async def test_a_segment_in_error_has_no_value_is_counted_and_costs_no_prediction(
    desk: Desk, connections: Connections
) -> None:
    router = await desk.deploy("parted", parted(("plan", "attributes['plan']", 20), ("age", "age", 20)))
    reply = await desk.predict("parted", attributes={"age": "seven", "plan": "gold"})
    assert reply.output.classification.label
    await desk.predict("parted", attributes={"age": "7"})
    assert told(await logged(connections, router, 2)) == [{"plan": "gold"}, {"age": "7"}]
    for name in ("plan", "age"):
        labels = {"router": "routers/parted", "rule": f"segments.{name}"}
        value = desk.metrics.registry.get_sample_value("turnout_rule_errors_total", labels)
        assert value == 1


async def test_an_empty_text_is_no_part_of_the_traffic_and_no_error(
    desk: Desk, connections: Connections
) -> None:
    router = await desk.deploy("parted", parted(("plan", "attributes['plan']", 1)))
    for plan in ("", "gold"):
        await desk.predict("parted", attributes={"plan": plan})
    # It takes the room of none, either.
    assert told(await logged(connections, router, 2)) == [{}, {"plan": "gold"}]
    labels = {"router": "routers/parted", "rule": "segments.plan"}
    assert not desk.metrics.registry.get_sample_value("turnout_rule_errors_total", labels)


async def test_values_beyond_the_limit_and_long_ones_are_other(desk: Desk, connections: Connections) -> None:
    router = await desk.deploy("parted", parted(("plan", "attributes['plan']", 2)))
    for plan in ("a", "b", "c", "a", "x" * 65, "d", "b"):
        await desk.predict("parted", attributes={"plan": plan})
    seen = Counter(event.segments["plan"] for event in await logged(connections, router, 7))
    assert seen == {"a": 2, "b": 2, "OTHER": 3}


async def test_a_new_generation_tells_the_same_values_apart(desk: Desk, connections: Connections) -> None:
    router = await desk.deploy("parted", parted(("plan", "attributes['plan']", 1)))
    await desk.predict("parted", attributes={"plan": "a"})
    weight = rpc.UpdateVariantWeightRequest(name="parted", variant="cancer-bayes", weight=7)
    await desk.call("RouterService/UpdateVariantWeight", weight)
    await desk.deploy("parted")
    await desk.predict("parted", attributes={"plan": "b"})
    await desk.predict("parted", attributes={"plan": "a"})
    assert told(await logged(connections, router, 3)) == [{"plan": "a"}, {"plan": "OTHER"}, {"plan": "a"}]


async def test_a_prediction_that_fails_belongs_to_its_segment_too(
    desk: Desk, connections: Connections
) -> None:
    router = await desk.deploy("parted", parted(("plan", "attributes['plan']", 2)))
    for server in desk.servers.values():
        await server.drain(grace=0)
    with pytest.raises(RemoteError):
        await desk.predict("parted", attributes={"plan": "gold"})
    (event,) = await logged(connections, router, 1)
    assert event.error_code
    assert dict(event.segments) == {"plan": "gold"}


def test_a_value_that_has_not_come_for_an_hour_makes_room() -> None:
    values = Values(2)
    assert [values.admitted(one, 0.0) for one in "ab"] == ["a", "b"]
    assert values.admitted("a", 1000.0) == "a"
    assert values.admitted("c", IDLE_SECONDS - 1) == "OTHER"
    assert values.admitted("c", IDLE_SECONDS) == "c"
    assert values.admitted("b", IDLE_SECONDS) == "OTHER"


def test_a_clock_that_jumps_back_costs_no_more_than_new_values() -> None:
    values = Values(1)
    values.admitted("a", 1e9)
    assert values.admitted("a", 0.0) == "a"
    assert values.admitted("b", IDLE_SECONDS) == "b"


def test_the_longest_value_is_kept() -> None:
    assert Values(1).admitted("x" * LONGEST_VALUE, 0.0) == "x" * LONGEST_VALUE


def test_what_is_told_apart_is_forgotten_where_the_segment_changes() -> None:
    router = parted(("plan", "attributes['plan']", 2), ("age", "age", 2))
    first = segments_of(router, Schema())
    assert first is not None
    router.segments[1].max_values = 3
    second = segments_of(router, Schema(), first)
    assert second is not None
    assert second.parts[0].values is first.parts[0].values
    assert second.parts[1].values is not first.parts[1].values
    router.ClearField("segments")
    assert segments_of(router, Schema(), second) is None
