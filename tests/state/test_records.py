"""Predictions are found by id and listed by time, for as long as they are kept."""

import random
import time
from collections.abc import Iterable

import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent, PredictionRecord
from turnout.inference.v1.manifest_pb2 import Manifest

from services.state import ids, keys, records
from services.state.connection import Connections
from services.state.errors import BadPageToken, BadPredictionId, LostLease, NewerFormat
from services.state.fenced import Fence
from services.state.packed import packed_event
from services.state.records import RecordPage, RecordStore, RecordWriter

ROUTER = "018bcfe5-69f4-7000-8591-b7582265b1f5"
OTHER = "018bcfe5-69f4-7000-8591-b7582265b1f6"
PARTITION = ids.partition_for(ROUTER)
NOW = time.time() // 60 * 60 + 30


@pytest.fixture
async def fence(connections: Connections) -> Fence:
    fence = Fence.of(PARTITION, "drift", 1)
    await connections.steady.set(fence.key, fence.token)
    return fence


def event(moment: float, seed: int = 0, router: str = ROUTER, **fields: object) -> PredictionEvent:
    name = ids.new_prediction_id(PARTITION, moment, random.Random(seed))
    manifest = Manifest(prediction_id=name)
    return PredictionEvent(format=1, manifest=manifest, router_uid=router, **fields)  # type: ignore[arg-type]


def names(page: RecordPage) -> list[str]:
    return [record.event.manifest.prediction_id for record in page.records]


async def write(connections: Connections, fence: Fence, events: Iterable[PredictionEvent]) -> list[str]:
    """Returns the ids, newest first."""
    events = list(events)
    await RecordWriter(connections).write(PARTITION, fence, "7-0", events)
    return sorted((event.manifest.prediction_id for event in events), reverse=True)


async def test_a_record_is_found_by_its_id_alone(connections: Connections, fence: Fence) -> None:
    kept = event(NOW - 60, entity_id="me")
    await write(connections, fence, [kept])
    record = await RecordStore(connections).read(kept.manifest.prediction_id)
    assert record is not None
    assert (record.event, record.entry_id) == (kept, "7-0")
    assert await RecordStore(connections).read(event(NOW - 60, 9).manifest.prediction_id) is None


async def test_one_that_cannot_be_read_costs_no_other(connections: Connections, fence: Fence) -> None:
    """Features are kept as they came, unread."""
    kept, broken = event(NOW - 60, 1), event(NOW - 61, 2)
    wire = broken.SerializeToString() + b"\x4a\x02\xff\xff"
    writer = RecordWriter(connections)
    await writer.write(PARTITION, fence, "7-0", [kept, packed_event(wire)])
    store = RecordStore(connections)
    assert await store.read(broken.manifest.prediction_id) is None
    assert names(await store.list(ROUTER, NOW)) == [kept.manifest.prediction_id]


async def test_reads_many_in_one_go(connections: Connections, fence: Fence) -> None:
    wanted = await write(connections, fence, [event(NOW - 100 * place, place) for place in range(5)])
    missing = event(NOW, 77).manifest.prediction_id
    found = await RecordStore(connections).read_many([*wanted, missing, wanted[0]])
    assert set(found) == set(wanted)
    assert await RecordStore(connections).read_many([]) == {}
    with pytest.raises(BadPredictionId):
        await RecordStore(connections).read_many(["nonsense"])


async def test_writing_again_writes_the_same(connections: Connections, fence: Fence) -> None:
    events = [event(NOW - 60, seed) for seed in range(3)]
    wanted = await write(connections, fence, events)
    await write(connections, fence, events)
    assert names(await RecordStore(connections).list(ROUTER, NOW)) == wanted


async def test_a_writer_that_was_replaced_writes_nothing(connections: Connections, fence: Fence) -> None:
    late = event(NOW - 60)
    with pytest.raises(LostLease):
        await write(connections, Fence(fence.key, "0"), [late])
    assert await RecordStore(connections).read(late.manifest.prediction_id) is None


@pytest.mark.parametrize("page_size", [1, 7, 64])
async def test_lists_newest_first_across_minutes(
    connections: Connections, fence: Fence, page_size: int
) -> None:
    moments = [NOW - 10 - 35 * place for place in range(20)] + [NOW - 86_400 * 3]
    wanted = await write(connections, fence, [event(moment, place) for place, moment in enumerate(moments)])
    await write(connections, fence, [event(NOW - 20, 99, OTHER)])
    found, token = list[str](), ""
    while True:
        page = await RecordStore(connections).list(ROUTER, NOW, page_size=page_size, page_token=token)
        assert len(page.records) <= page_size
        found += names(page)
        if not (token := page.next_page_token):
            break
    assert found == wanted


async def test_lists_from_start_to_before_end(connections: Connections, fence: Fence) -> None:
    moments = [NOW - 300, NOW - 200, NOW - 100]
    await write(connections, fence, [event(moment, place) for place, moment in enumerate(moments)])
    page = await RecordStore(connections).list(ROUTER, NOW, start=NOW - 200, end=NOW - 100)
    assert [ids.time_of(name) for name in names(page)] == pytest.approx([NOW - 200], abs=1e-6)


async def test_lists_only_what_is_settled(connections: Connections, fence: Fence) -> None:
    await write(connections, fence, [event(NOW - 4)])
    assert names(await RecordStore(connections).list(ROUTER, NOW)) == []
    assert len(names(await RecordStore(connections).list(ROUTER, NOW + 2))) == 1


async def test_a_page_stays_as_it_was_while_records_arrive(connections: Connections, fence: Fence) -> None:
    store = RecordStore(connections)
    wanted = await write(connections, fence, [event(NOW - 60 - place, place) for place in range(6)])
    first = await store.list(ROUTER, NOW, page_size=3)
    await write(connections, fence, [event(NOW - 8, 100)])
    second = await store.list(ROUTER, NOW + 60, page_size=3, page_token=first.next_page_token)
    assert names(first) + names(second) == wanted


async def test_keeps_what_the_filter_lets_through(
    connections: Connections, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [event(NOW - 60 - place, place, entity_id="abc"[place % 3]) for place in range(30)]
    await write(connections, fence, events)
    monkeypatch.setattr(records, "MOST_EXAMINED", 5)
    found, token, pages = list[str](), "", 0
    while True:
        page = await RecordStore(connections).list(
            ROUTER,
            NOW,
            page_size=4,
            page_token=token,
            filters="entity=b",
            keep=lambda one: one.event.entity_id == "b",
        )
        found, pages = found + names(page), pages + 1
        if not (token := page.next_page_token):
            break
    assert found == sorted(
        (one.manifest.prediction_id for one in events if one.entity_id == "b"), reverse=True
    )
    assert pages > 3


async def test_a_token_is_for_one_list(connections: Connections, fence: Fence) -> None:
    await write(connections, fence, [event(NOW - 60 - place, place) for place in range(3)])
    store = RecordStore(connections)
    token = (await store.list(ROUTER, NOW, page_size=1)).next_page_token
    for other in ({"router_uid": OTHER}, {"start": 1.0}, {"filters": "x"}):
        arguments = {"router_uid": ROUTER, "now": NOW, "page_token": token, **other}
        with pytest.raises(BadPageToken):
            await store.list(**arguments)  # type: ignore[arg-type]


async def test_records_live_as_long_as_the_longest_retention(connections: Connections, fence: Fence) -> None:
    retention = {ROUTER: 6000.0, OTHER: 600.0}
    writer = RecordWriter(connections, retention.__getitem__)
    now = time.time()
    minute = int(now // 60)
    await writer.write(PARTITION, fence, "1-0", [event(now)])
    await writer.write(PARTITION, fence, "2-0", [event(now, 1, OTHER)])
    assert 5900 < await connections.steady.ttl(keys.records(PARTITION, minute)) <= 6060
    assert 5900 < await connections.steady.ttl(keys.record_ids(PARTITION, ROUTER, minute)) <= 6060
    assert 500 < await connections.steady.ttl(keys.record_ids(PARTITION, OTHER, minute)) <= 660


async def test_what_comes_after_its_retention_is_not_kept(connections: Connections, fence: Fence) -> None:
    """A spool that waited for long: the record would never expire."""
    late = event(NOW - 7200)
    await RecordWriter(connections, lambda _: 3600.0).write(PARTITION, fence, "1-0", [late])
    assert await RecordStore(connections).read(late.manifest.prediction_id) is None


async def test_the_index_forgets_minutes_that_are_gone(connections: Connections, fence: Fence) -> None:
    index = keys.record_minutes(PARTITION, ROUTER)
    await connections.steady.zadd(index, {"1000": 1000})
    await write(connections, fence, [event(NOW)])
    assert await connections.steady.zrange(index, 0, -1) == [str(int(NOW // 60)).encode()]


async def test_refuses_a_newer_format(connections: Connections, fence: Fence) -> None:
    name = event(NOW).manifest.prediction_id
    key = keys.records(PARTITION, ids.minute_of(name))
    await connections.steady.hset(key, name, PredictionRecord(format=9).SerializeToString())
    await connections.steady.expire(key, 60)
    with pytest.raises(NewerFormat):
        await RecordStore(connections).read(name)
