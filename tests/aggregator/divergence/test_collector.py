"""Counting in memory and writing to Redis: several processes, retries, outages, and bounds."""

import itertools
import random
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from turnout.aggregator.v1.panels_pb2 import PanelTally
from turnout.router.v1.router_pb2 import Router

from services.aggregator.answers import Ballot
from services.aggregator.desk import Panel
from services.aggregator.divergence import collector as collecting
from services.aggregator.divergence.collector import Collector
from services.aggregator.divergence.counting import counted, likeness
from services.aggregator.divergence.reading import Panels, read_panels
from services.aggregator.divergence.roll import Roll
from services.aggregator.divergence.tally import OfAll, Tally
from services.aggregator.wire.tallies import write_tally
from services.foundation.metrics import Metrics
from services.state import formats, ids, panel_keys
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.errors import NewerFormat, StateUnavailable
from services.state.panels import DAY, HOUR, MOST_FIELDS, Counted, PanelStore
from tests.aggregator.ballots import panels, sure
from tests.aggregator.divergence.test_counting import panel, sums

NOON = 1_750_003_200.0
UID = "01975d00-0000-7000-8000-000000000001"
AGREED = panel([sure("a", "elm"), sure("b", "elm")])
SPLIT = panel([sure("a", "elm"), sure("b", "ash")])


class Clock:
    """The time of a test."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def routers(*uids: str) -> dict[str, Router]:
    """Routers r, r1, r2, ... over a and b."""
    found = {}
    for number, uid in enumerate(uids or (UID,)):
        made = Router(name=f"routers/r{number or ''}", uid=uid)
        for variant in "ab":
            made.variants.add(id=variant, model=f"models/{variant}")
        found[made.name] = made
    return found


def process(connections: Connections, clock: Clock, seed: int = 1, *uids: str) -> Collector:
    """What one process counts with."""
    rng, roll = random.Random(seed), Roll(routers(*uids).get)
    return Collector(PanelStore(connections), roll, ids.new_uid(clock.now, rng), Metrics(), clock, rng)


async def read(connections: Connections, start: float = NOON, hours: int = 1) -> Panels:
    first = int(start // HOUR) * HOUR
    return await read_panels(PanelStore(connections), UID, range(first, first + hours * HOUR, HOUR))


async def test_processes_add_up(connections: Connections) -> None:
    clock = Clock()
    first, second = process(connections, clock), process(connections, clock, 2)
    for one in (first, second, first):
        one.panel(AGREED)
    second.panel(SPLIT)
    await first.flush()
    await second.flush()
    found = await read(connections)
    assert found.tally.whole[OfAll.PANELS] == 4
    assert [tuple(hour) for hour in found.hours] == [(int(NOON), 4, 4, 1)]


async def test_a_write_that_is_repeated_counts_once(connections: Connections) -> None:
    """A reply that was lost is one: what it wrote is written again, with what came since."""
    store, clock = PanelStore(connections), Clock()
    one = process(connections, clock)
    one.panel(AGREED)
    tally = PanelTally(format=formats.PANELS, panels=7)
    for _ in range(3):
        await store.write([Counted(UID, int(NOON), "elsewhere", tally)], NOON)
        await one.flush()
    one.panel(SPLIT)
    await one.flush()
    await one.flush()
    assert (await read(connections)).tally.whole[OfAll.PANELS] == 7 + 2


async def test_while_redis_is_away_counting_goes_on(redis_server: EmbeddedRedis) -> None:
    clock = Clock()
    async with connect(redis_server.url) as connections:
        one = process(connections, clock)
        one.panel(AGREED)
        await one.flush()
        await redis_server.kill()
        one.panel(AGREED)
        clock.now += HOUR
        one.panel(SPLIT)
        with pytest.raises(StateUnavailable):
            await one.flush()
        await redis_server.start()
        await one.flush()
        found = await read(connections, hours=2)
        assert [hour.panels for hour in found.hours] == [2, 1]
        assert not one.metrics.panels_lost["memory"]._value.get()


async def test_hours_that_nobody_can_write_are_dropped_oldest_first(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "MOST_HELD", 3)
    clock = Clock()
    one = process(connections, clock)
    for _ in range(5):
        one.panel(AGREED)
        one.panel(AGREED)
        clock.now += HOUR
    await one.flush()
    assert one.metrics.panels_lost["memory"]._value.get() == 4
    found = await read(connections, hours=6)
    assert [hour.start for hour in found.hours] == [int(NOON) + hour * HOUR for hour in (2, 3, 4)]


async def test_routers_of_one_hour_are_bounded_too(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "MOST_HELD", 2)
    others = [ids.new_uid(NOON, random.Random(seed)) for seed in (8, 9)]
    one = process(connections, Clock(), 1, UID, *others)
    for name in ("r", "r1", "r2", "r"):
        one.panel(AGREED._replace(router=name))
    await one.flush()
    assert one.metrics.panels_lost["memory"]._value.get() == 1
    assert (await read(connections)).tally.whole[OfAll.PANELS] == 2


async def test_a_clock_that_is_set_back_takes_nothing_from_what_was_written(connections: Connections) -> None:
    clock = Clock()
    one = process(connections, clock)
    for at in (NOON, NOON + HOUR, NOON):
        clock.now = at
        one.panel(AGREED)
        await one.flush()
    found = await read(connections, hours=2)
    assert [hour.panels for hour in found.hours] == [2, 1]


async def test_a_panel_that_cannot_be_counted_costs_no_prediction(connections: Connections) -> None:
    one = process(connections, Clock())
    broken = AGREED._replace(ballots=None)  # type: ignore[arg-type]
    one.panel(broken)
    assert one.metrics.panels_lost["error"]._value.get() == 1


async def test_what_is_kept_expires_and_a_day_is_bounded(connections: Connections) -> None:
    clock = Clock()
    one = process(connections, clock)
    one.panel(AGREED)
    await one.flush()
    key = panel_keys.panels(ids.partition_for(UID), UID, int(NOON // DAY))
    assert 90 * DAY <= await connections.steady.ttl(key) <= 91 * DAY
    await connections.steady.hset(key, mapping={f"{n}:x": b"" for n in range(MOST_FIELDS)})
    other = process(connections, clock, 2)
    other.panel(AGREED)
    await other.flush()
    assert other.metrics.panels_lost["store"]._value.get() == 1
    # Who is there already goes on.
    one.panel(AGREED)
    await one.flush()
    assert (await read(connections)).tally.whole[OfAll.PANELS] == 2


async def test_a_tally_of_a_newer_version_is_refused_and_not_half_read(connections: Connections) -> None:
    newer = PanelTally(format=formats.PANELS + 1, panels=1)
    await PanelStore(connections).write([Counted(UID, int(NOON), "newer", newer)], NOON)
    with pytest.raises(NewerFormat):
        await read(connections)


async def test_the_metrics_tell_rows_by_pair_and_dissents(connections: Connections) -> None:
    one = process(connections, Clock())
    one.panel(AGREED)
    one.panel(SPLIT)
    await one.flush()

    def sample(name: str, **labels: str) -> float | None:
        return one.metrics.registry.get_sample_value(name, {"router": "routers/r", **labels})

    assert sample("turnout_panels_total") == 2
    assert sample("turnout_panel_pairs_total", result="same") == 1
    assert sample("turnout_panel_pairs_total", result="different") == 1
    assert sample("turnout_panel_dissents_total", variant="b") == 1
    assert sample("turnout_panel_dissents_total", variant="a") is None


async def test_64_members_are_counted_written_and_read(connections: Connections) -> None:
    names = [f"m{place}" for place in range(64)]
    made = Router(name="routers/r", uid=UID)
    for name in names:
        made.variants.add(id=name, model=f"models/{name}")
    rng = random.Random(4)
    one = Collector(PanelStore(connections), Roll({"routers/r": made}.get), "p", Metrics(), time.time, rng)
    one.panel(panel([sure(name, rng.choice("xy")) for name in names]))
    await one.flush()
    found = await read(connections, time.time())
    assert sorted(found.tally.names) == sorted(names)
    assert np.count_nonzero(found.tally.pairs[0]) == 64 * 63


@given(st.lists(panels(least=1), min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=12))
def test_what_is_noted_together_is_counted_as_if_alone(
    those: list[Sequence[Ballot]], order: list[int]
) -> None:
    made = [panel(ballots) for ballots in those]
    kinds = [panel_of(one, pivotal) for one in made for pivotal in (None, [], [one.ballots[0].member])]
    drawn = [kinds[place % len(kinds)] for place in order]
    for one, other in itertools.combinations(drawn, 2):
        if (like := likeness(one)) is not None and like == likeness(other):
            assert write_tally(sums(one)) == write_tally(sums(other))
    together = Tally()
    for like, times in Counter(map(likeness, drawn)).items():
        if like is not None:
            first = next(each for each in drawn if likeness(each) == like)
            together.add(counted(first).times(times))
    alone = sums(*(one for one in drawn if likeness(one) is not None))
    assert together.whole.tolist() == alone.whole.tolist()
    assert sorted(together.names) == sorted(alone.names)


def panel_of(one: Panel, pivotal: list[str] | None) -> Panel:
    costs = {ballot.member: 1.0 for ballot in one.ballots}
    return one._replace(pivotal=pivotal, costs=costs, currency="EUR")


async def test_many_panels_of_many_kinds_are_bounded_between_two_writes(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "MOST_NOTED", 4)
    one = process(connections, Clock())
    for price in range(50):
        one.panel(SPLIT._replace(costs={"a": float(price), "b": 1.0}, currency="EUR"))
        assert len(one._noted) <= 4
    await one.flush()
    found = (await read(connections)).tally
    assert found.whole[[OfAll.PANELS, OfAll.COST]].tolist() == [50, sum(range(50)) + 50]
