"""Traffic is counted once per prediction, in the minute and the hour that it was made in."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from turnout.feedback.v1.traffic_pb2 import CallCounts, TrafficBucket, TrafficGroup
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import EventBatch, Gap, ParticipantEvent, PredictionEvent
from turnout.router.v1.model_pb2 import Model

from services.feedback import grouping
from services.feedback.rulebook import Rulebook
from services.feedback.traffic import Traffic
from services.state import ids
from services.state.buckets import HOUR, MINUTE, Bucket, buckets_of
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.consumer import Entry
from services.state.errors import LostLease, NewerFormat
from services.state.fenced import Fence
from services.state.kinds import ROUTERS
from services.state.latency import cell_of
from services.state.logged import Logged, read
from services.state.traffic import TrafficStore, kept_traffic
from tests.feedback.recorded import NOW, PARTITION, ROUTER_UID, event, prediction_id, router

# The tier and the variant of some predictions.
PAIRS = [("x", "a"), ("x", "b"), ("y", "a"), ("y", "b"), ("x", "c")]
FENCE = Fence.of(PARTITION, "feedback", 1)


@pytest.fixture
async def traffic(connections: Connections) -> Traffic:
    await connections.steady.set(FENCE.key, FENCE.token)
    rulebook = Rulebook(ConfigReader(connections, ROUTERS, lambda: NOW))
    for name in "ab":
        rulebook.take("models", f"uid-{name}", Model(name=f"models/{name}", uid=f"uid-{name}"))
    return Traffic(TrafficStore(connections), rulebook, lambda: NOW)


def made(
    number: int, variant: str = "a", ms: float = 10.0, at: float = NOW - 100, **how: Any
) -> PredictionEvent:
    """The prediction of that number, which took `ms` milliseconds."""
    found = event(prediction_id(number, at), variant, **how)
    found.manifest.total_latency.FromNanoseconds(int(ms * 1e6))
    found.manifest.participants[0].latency.FromNanoseconds(int(ms * 1e6))
    return found


def entry(number: int, *events: PredictionEvent, late: Sequence[ParticipantEvent] = ()) -> Entry[Logged]:
    predictions = [one.SerializeToString() for one in events]
    participants = [one.SerializeToString() for one in late]
    batch = EventBatch(predictions=predictions, participants=participants)
    return Entry(f"{number}-0", read(batch.SerializeToString()))


async def handle(traffic: Traffic, *entries: Entry[Logged], fence: Fence = FENCE) -> None:
    await traffic.handle(PARTITION, fence, entries)


def place(seconds: int, at: float = NOW - 100) -> Bucket:
    return Bucket(seconds, int(at // seconds) * seconds)


async def bucket(traffic: Traffic, seconds: int = MINUTE, at: float = NOW - 100) -> TrafficBucket:
    where = place(seconds, at)
    return (await traffic.store.read(ROUTER_UID, [where])).get(where, TrafficBucket())


async def groups(traffic: Traffic, seconds: int = MINUTE, at: float = NOW - 100) -> dict[str, TrafficGroup]:
    return {group.variant: group for group in (await bucket(traffic, seconds, at)).groups}


async def calls(traffic: Traffic, model: str = "a", at: float = NOW - 100) -> CallCounts:
    (found,) = await traffic.store.calls([(PARTITION, int(at // 60))])
    return found.models[f"uid-{model}"].calls


async def test_a_prediction_counts_in_its_minute_and_in_its_hour(traffic: Traffic) -> None:
    served, failed = made(1, "a", 10.0), made(2, "a", 30.0, outcome=manifest.OUTCOME_FAILED)
    await handle(traffic, entry(1, served, failed, made(3, "b", 5.0)))
    for seconds in (MINUTE, HOUR):
        found = await groups(traffic, seconds)
        assert (found["a"].requests, found["a"].errors, found["a"].latency_us) == (2, 1, 40_000)
        assert dict(found["a"].latency_cells) == {cell_of(10.0): 1, cell_of(30.0): 1}
        assert (found["b"].requests, found["b"].errors) == (1, 0)


async def test_costs_and_tokens_add_up_by_currency_and_without_shadows(traffic: Traffic) -> None:
    one = made(1)
    for role, amount, currency in (("PRIMARY", 0.5, "USD"), ("JUDGE", 0.25, "EUR"), ("SHADOW", 9.0, "USD")):
        who = one.manifest.participants.add(role=f"PARTICIPANT_ROLE_{role}", outcome="OUTCOME_DISCARDED")
        who.cost.amount, who.cost.currency, who.tokens_in, who.tokens_out = amount, currency, 7, 2
    await handle(traffic, entry(1, one, made(2)))
    found = (await groups(traffic))["a"]
    assert (dict(found.cost), found.tokens_in, found.tokens_out) == ({"USD": 0.5, "EUR": 0.25}, 14, 4)


@pytest.mark.parametrize("outcome", ["FAILED", "TIMED_OUT", "CANCELLED"])
async def test_rescued_is_what_another_variant_served(traffic: Traffic, outcome: str) -> None:
    one = made(1, outcome=manifest.Outcome.Value(f"OUTCOME_{outcome}"))
    one.error_code = ""
    one.manifest.participants.add(variant="b", outcome=manifest.OUTCOME_SERVED, model="models/b")
    await handle(traffic, entry(1, one, made(2)))
    found = (await groups(traffic))["a"]
    assert (found.requests, found.errors, found.rescued) == (2, 0, 1)


async def test_policies_are_told_apart(traffic: Traffic) -> None:
    chosen = made(1)
    chosen.manifest.decision.policy = "vip"
    await handle(traffic, entry(1, chosen, made(2)))
    found = {(one.variant, one.policy): one.requests for one in (await bucket(traffic)).groups}
    assert found == {("a", "vip"): 1, ("a", ""): 1}


async def test_what_comes_again_is_not_counted_again(traffic: Traffic) -> None:
    some = [entry(number, made(number)) for number in range(1, 13)]
    await handle(traffic, *some[:3])
    await handle(traffic, *some[:3])
    await handle(traffic, *some[2:9])
    await handle(traffic, some[1])
    await handle(traffic, *some)
    assert (await groups(traffic))["a"].requests == 12
    assert (await groups(traffic, HOUR))["a"].requests == 12
    assert (await calls(traffic)).calls == 12


@pytest.mark.parametrize("survivors", range(4))
async def test_a_crash_between_two_writes_loses_and_doubles_nothing(
    connections: Connections, traffic: Traffic, survivors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One value at a time, and dead after some of them; the next owner gets everything again."""
    monkeypatch.setattr("services.state.traffic.AT_ONCE", 1)
    events = [made(number, at=NOW - 100 + 60 * (number % 2)) for number in range(1, 9)]
    some = [entry(number, one) for number, one in enumerate(events, 1)]
    with pytest.raises(LostLease):
        await replace(traffic, store=Dying(connections, survivors)).handle(PARTITION, FENCE, some)
    heir = Fence.of(PARTITION, "feedback", 2)
    await connections.steady.set(heir.key, heir.token)
    await handle(traffic, *some, fence=heir)
    minutes = [(await groups(traffic, MINUTE, NOW - 100 + 60 * late))["a"].requests for late in (0, 1)]
    assert minutes == [4, 4]
    hours = {place(HOUR, ids.time_of(one.manifest.prediction_id)) for one in events}
    found = await traffic.store.read(ROUTER_UID, hours)
    assert sum(group.requests for one in found.values() for group in one.groups) == 8
    assert [(await calls(traffic, at=NOW - 100 + 60 * late)).calls for late in (0, 1)] == [4, 4]


class Dying(TrafficStore):
    """A store whose process loses its lease after some writes."""

    def __init__(self, connections: Connections, survivors: int) -> None:
        super().__init__(connections)
        self._left = survivors

    async def write(self, fence: Fence, values: Sequence[Any]) -> None:
        await super().write(fence, values[: self._left])
        await super().write(fence._replace(token="stale"), values[self._left :])


async def test_a_former_owner_writes_nothing(connections: Connections, traffic: Traffic) -> None:
    await connections.steady.set(FENCE.key, "2")
    with pytest.raises(LostLease):
        await handle(traffic, entry(1, made(1)))
    assert not (await bucket(traffic)).groups


async def test_two_owners_at_once_count_once(connections: Connections, traffic: Traffic) -> None:
    some = [entry(number, made(number)) for number in range(1, 31)]
    await asyncio.gather(*(handle(traffic, *some) for _ in range(4)))
    assert (await groups(traffic))["a"].requests == 30


async def test_a_late_prediction_counts_in_the_minute_that_was_written_long_ago(traffic: Traffic) -> None:
    await handle(traffic, entry(1, made(1)))
    await handle(traffic, entry(2, made(2, at=NOW)))
    await handle(traffic, entry(3, made(3)))
    assert (await groups(traffic))["a"].requests == 2
    assert (await groups(traffic, MINUTE, NOW))["a"].requests == 1


async def test_what_is_older_than_the_minutes_counts_in_its_hour_alone(traffic: Traffic) -> None:
    then = NOW - 5 * 86_400
    await handle(traffic, entry(1, made(1, at=then)))
    assert (await groups(traffic, HOUR, then))["a"].requests == 1
    assert not (await bucket(traffic, MINUTE, then)).groups


async def test_groups_are_bounded_and_what_is_beyond_is_counted_together(
    traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "MOST_GROUPS", 3)
    variants = [f"v{number}" for number in range(6)]
    await handle(traffic, entry(1, *(made(place, variant) for place, variant in enumerate(variants))))
    await handle(traffic, entry(2, made(9, "v5"), made(10, "v0")))
    found = {name: group.requests for name, group in (await groups(traffic)).items()}
    assert found == {"v0": 2, "v1": 1, "v2": 1, "OTHER": 4}


def of(segments: dict[str, str], number: int, variant: str = "a") -> PredictionEvent:
    found = made(number, variant)
    found.segments.update(segments)
    return found


async def by_segment(traffic: Traffic) -> dict[tuple[str, str], int]:
    found = (await bucket(traffic)).groups
    return {(group.segment, group.variant): group.requests for group in found if group.segment}


async def test_a_prediction_is_counted_once_and_once_more_for_each_of_its_segments(traffic: Traffic) -> None:
    await handle(
        traffic,
        entry(1, of({"tier": "gold", "region": "eu"}, 1), of({"tier": "gold"}, 2, "b"), made(3)),
        entry(2, of({"tier": ""}, 4)),
    )
    assert {name: group.requests for name, group in (await whole(traffic)).items()} == {"a": 3, "b": 1}
    assert await by_segment(traffic) == {
        ("tier=gold", "a"): 1,
        ("tier=gold", "b"): 1,
        ("region=eu", "a"): 1,
        ("tier=", "a"): 1,
    }


async def whole(traffic: Traffic) -> dict[str, TrafficGroup]:
    return {group.variant: group for group in (await bucket(traffic)).groups if not group.segment}


@pytest.mark.parametrize(("declared", "most"), [(None, 20), (2, 2), (100, 100)])
async def test_values_are_bounded_over_all_replicas_and_entries(
    traffic: Traffic, declared: int | None, most: int
) -> None:
    if declared is not None:
        known = router()
        known.segments.add(name="tier", expression="tier", max_values=declared)
        traffic.rulebook.take("routers", ROUTER_UID, known)
    for number in range(120):
        await handle(traffic, entry(number + 1, of({"tier": f"t{number}"}, number)))
    # Who came first stays, also when it comes again after the others.
    await handle(traffic, entry(500, of({"tier": "t0"}, 500), of({"tier": "OTHER"}, 501)))
    found = await by_segment(traffic)
    assert len(found) == most + 1
    assert found["tier=t0", "a"] == 2
    assert found["tier=OTHER", "a"] == 120 - most + 1
    assert (await whole(traffic))["a"].requests == 122


async def test_segments_stay_apart_when_their_variants_cannot(
    traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "MOST_SEGMENT_GROUPS", 2)
    events = [of({"tier": tier}, place, variant) for place, (tier, variant) in enumerate(PAIRS)]
    await handle(traffic, entry(1, *events))
    assert await by_segment(traffic) == {
        ("tier=x", "a"): 1,
        ("tier=x", "b"): 1,
        ("tier=y", "OTHER"): 2,
        ("tier=x", "OTHER"): 1,
    }
    assert sum(group.requests for group in (await whole(traffic)).values()) == 5


async def test_names_of_segments_are_bounded_too(traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "MOST_NAMES", 2)
    await handle(traffic, entry(1, *(of({f"s{number}": "x"}, number) for number in range(5))))
    assert await by_segment(traffic) == {("s0=x", "a"): 1, ("s1=x", "a"): 1, ("OTHER=OTHER", "a"): 3}


async def test_calls_are_counted_by_model_and_shadows_apart(traffic: Traffic) -> None:
    one = made(1, ms=20.0)
    who = one.manifest.participants
    for outcome in ("DISCARDED", "FAILED", "TIMED_OUT", "CANCELLED", "SKIPPED", "PENDING"):
        who.add(model="models/b", role="PARTICIPANT_ROLE_JUROR", outcome=f"OUTCOME_{outcome}")
    who.add(model="models/b", outcome="OUTCOME_FAILED", excused=True)
    shadow = ParticipantEvent(prediction_id=one.manifest.prediction_id, index=7)
    shadow.participant.model, shadow.participant.role = "models/a", manifest.PARTICIPANT_ROLE_SHADOW
    shadow.participant.outcome = manifest.OUTCOME_DISCARDED
    await handle(traffic, entry(1, one, late=[shadow]))
    a, b = await calls(traffic, "a"), await calls(traffic, "b")
    assert (a.calls, a.failures, dict(a.latency_cells)) == (1, 0, {cell_of(20.0): 1})
    assert (b.calls, b.failures, sum(b.latency_cells.values())) == (3, 2, 1)
    (found,) = await traffic.store.calls([(PARTITION, int((NOW - 100) // 60))])
    assert found.models["uid-a"].shadows.calls == 1


async def test_costs_of_calls_say_how_many_they_are_of(traffic: Traffic) -> None:
    priced = made(1)
    priced.manifest.participants[0].cost.amount = 0.5
    priced.manifest.participants[0].cost.currency = "USD"
    await handle(traffic, entry(1, priced, made(2)))
    found = await calls(traffic)
    assert (found.calls, dict(found.cost), dict(found.priced)) == (2, {"USD": 0.5}, {"USD": 1})


async def test_a_model_that_is_younger_than_the_prediction_was_not_called(traffic: Traffic) -> None:
    young = Model(name="models/a", uid="uid-young")
    young.create_time.FromSeconds(int(NOW))
    traffic.rulebook.take("models", "uid-a", None)
    traffic.rulebook.take("models", "uid-young", young)
    await handle(traffic, entry(1, made(1)))
    (found,) = await traffic.store.calls([(PARTITION, int((NOW - 100) // 60))])
    assert not found.models


async def test_what_was_lost_marks_its_minutes_and_hours(traffic: Traffic) -> None:
    # Marks expire at a time of Redis' own clock.
    now = time.time()
    gap = Gap(events=3)
    gap.first.FromSeconds(int(now - 200))
    gap.last.FromSeconds(int(now - 100))
    for number in (1, 2):
        await handle(replace(traffic, now=lambda: now), Entry(f"{number}-0", Logged([], gap=gap)))
    found = await traffic.store.gaps(ROUTER_UID)
    assert len(found) == len(set(found))
    at = int(now - 200)
    assert {place(MINUTE, at), place(MINUTE, int(now - 100)), place(HOUR, at)} <= set(found)


async def test_nonsense_of_a_clock_or_a_price_list_costs_nobody_else(traffic: Traffic) -> None:
    odd = made(1)
    odd.manifest.total_latency.seconds = -5
    odd.manifest.participants[0].cost.amount = float("nan")
    odd.manifest.participants[0].cost.currency = "USD"
    odd.manifest.participants[0].tokens_in = -3
    later = made(2)
    later.manifest.total_latency.seconds = 2**60
    await handle(traffic, entry(1, odd, later, made(3)))
    found = (await groups(traffic))["a"]
    assert (found.requests, dict(found.cost), found.tokens_in) == (3, {}, 0)
    assert found.latency_us == 86_400_000_000 + 10_000


async def test_a_bucket_of_a_newer_version_is_left_alone(traffic: Traffic) -> None:
    where = next(iter(buckets_of(NOW - 100, NOW)))
    await handle(traffic, entry(1, made(1)))
    newer = kept_traffic(PARTITION, {(ROUTER_UID, where): TrafficBucket(format=99)}, NOW)
    await traffic.store.write(FENCE, newer)
    with pytest.raises(NewerFormat):
        await handle(traffic, entry(2, made(2)))
