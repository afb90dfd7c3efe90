"""Predictions watched as they are made, over a channel."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.errors import RemoteError
from services.router.logbook.feed import Watcher
from services.router.logbook.wanted import Wanted
from services.state import events, keys
from services.state.failures import MappedRedis
from tests.router.conftest import doctors
from tests.router.logbook.conftest import Shelf
from tests.waiting import eventually


def watch(shelf: Shelf, router: str = "cancer", **how: Any) -> AsyncIterator[Any]:
    return shelf.stream("WatchPredictions", rpc.WatchPredictionsRequest(router=router, **how))


async def first(shelf: Shelf, watching: AsyncIterator[Any], **how: Any) -> tuple[list[str], Any]:
    """Predict until the watch has begun: the ids of what was predicted, and what the watch says first."""
    said, made = asyncio.ensure_future(anext(watching)), []

    async def begun() -> bool:
        if not said.done():
            made.append((await shelf.desk.predict("cancer", **how)).prediction_id)
        return said.done()

    await eventually(begun)
    return made, said.result()


def id_of(told: Any) -> str:
    return str(told.prediction.manifest.prediction_id)


async def rest(watching: AsyncIterator[Any], count: int) -> list[Any]:
    return [await anext(watching) for _ in range(count)]


async def test_every_prediction_is_told_once_it_is_made(shelf: Shelf) -> None:
    watching = watch(shelf)
    made, told = await first(shelf, watching)
    made += [(await shelf.desk.predict("cancer")).prediction_id for _ in range(20)]
    start = made.index(id_of(told))
    rest_ = await rest(watching, len(made) - start - 1)
    assert [id_of(one) for one in (told, *rest_)] == made[start:]
    assert {one.skipped for one in rest_} == {0}
    assert told.prediction.output.classification.label


async def test_a_router_hears_of_its_own_predictions_only(shelf: Shelf) -> None:
    await shelf.desk.deploy("other", doctors(weighted={}))
    watching = watch(shelf)
    await first(shelf, watching)
    await shelf.desk.predict("other")
    last = (await shelf.desk.predict("cancer")).prediction_id
    async for told in watching:
        assert told.prediction.manifest.router == "routers/cancer"
        if id_of(told) == last:
            break


async def test_filters_leave_what_is_wanted(shelf: Shelf) -> None:
    by_variant = watch(shelf, variant="cancer-stump")
    failed = watch(shelf, outcome=rpc.PREDICTION_OUTCOME_FAILED)
    await first(shelf, by_variant, variant="cancer-stump")
    shelf.desk.servers["cancer-bayes"].faults.set("fail", code="INTERNAL")

    async def fails() -> bool:
        with pytest.raises(RemoteError):
            await shelf.desk.predict("cancer", variant="cancer-bayes")
        return said.done()

    said = asyncio.ensure_future(anext(failed))
    await eventually(fails)
    assert said.result().prediction.error_code == "UNAVAILABLE"
    wanted = (await shelf.desk.predict("cancer", variant="cancer-stump")).prediction_id
    async for told in by_variant:
        assert told.prediction.manifest.decision.variant == "cancer-stump"
        if id_of(told) == wanted:
            break


async def test_all_who_watch_share_one_reader(shelf: Shelf, redis: MappedRedis) -> None:
    watching = [watch(shelf) for _ in range(8)]
    for one in watching:
        await first(shelf, one)
    await shelf.desk.deploy("other", doctors(weighted={}))
    other = watch(shelf, "other")
    said = asyncio.ensure_future(anext(other))
    await eventually(partial(asked, shelf, "other", said))

    async def readers() -> int:
        clients: list[dict[str, str]] = await redis.client_list()
        return sum(one["cmd"] == "xread" and "b" in one["flags"] for one in clients)

    # The catalog's follower, the learnt's, and ours: none per watcher, none per partition.
    before = await eventually(readers)
    for one in (*watching, other):
        await one.aclose()  # type: ignore[attr-defined]
    assert before <= 3


async def asked(shelf: Shelf, router: str, said: "asyncio.Future[Any]") -> bool:
    if not said.done():
        await shelf.desk.predict(router)
    return said.done()


async def test_a_deletion_ends_the_watch(shelf: Shelf) -> None:
    watching = watch(shelf)
    await first(shelf, watching)
    await shelf.desk.call("RouterService/DeleteRouter", rpc.DeleteRouterRequest(name="cancer"))
    assert [told async for told in watching if id_of(told) == ""] == []


async def test_a_drain_ends_the_watch(shelf: Shelf) -> None:
    watching = watch(shelf)
    await first(shelf, watching)
    shelf.desk.runtime.stop()
    assert [told async for told in watching if id_of(told) == ""] == []


async def test_a_router_that_is_not_there_cannot_be_watched(shelf: Shelf) -> None:
    with pytest.raises(RemoteError) as refused:
        await anext(watch(shelf, "nobody"))
    assert refused.value.reason == "ROUTER_NOT_FOUND"
    with pytest.raises(RemoteError, match="it has cancer-bayes, cancer-stump") as refused:
        await anext(watch(shelf, variant="nobody"))
    assert refused.value.reason == "VARIANT_NOT_FOUND"


async def test_what_was_dropped_before_it_was_read_comes_from_the_records(shelf: Shelf) -> None:
    watching = watch(shelf)
    await first(shelf, watching)
    stream = keys.events(shelf.partition)
    event = shelf.event(0, request_id="dropped")
    batch = EventBatch(predictions=[event.SerializeToString()])
    # One transaction: the entry comes and goes before any reader can see it, as if all groups were done.
    size = len(batch.SerializeToString())
    ((last, _),) = await shelf.connections.steady.xrevrange(stream, count=1)
    milliseconds, _, number = last.decode().partition("-")
    gone = f"{milliseconds}-{int(number) + 1}"
    await shelf.write(event, entry_id=gone)
    await shelf.connections.steady.hincrby(keys.totals(stream), "bytes", size)
    await events.append(
        shelf.connections,
        shelf.partition,
        EventBatch(predictions=[shelf.event(0, request_id="kept").SerializeToString()]),
        "another writer",
        1,
    )
    heard: list[str] = []
    async for told in watching:
        heard.append(told.prediction.request_id)
        if heard[-1] == "kept":
            break
    # A prediction that the watch began with may be logged in between.
    assert heard.count("dropped") == 1


def prediction(size: int = 0) -> PredictionEvent:
    return PredictionEvent(entity_id="x" * size)


async def test_a_slow_watcher_is_told_what_he_was_spared() -> None:
    watcher = Watcher(Wanted().passes, most=3)
    for _ in range(10):
        watcher.offer(prediction())
    assert [(await taken(watcher)).skipped for _ in range(3)] == [0, 0, 0]
    watcher.offer(prediction())
    assert (await taken(watcher)).skipped == 7
    watcher.offer(prediction())
    assert (await taken(watcher)).skipped == 0


async def test_what_waits_for_a_watcher_is_bounded_in_bytes() -> None:
    watcher = Watcher(Wanted().passes, most_bytes=1000)
    for size in (600, 300, 300, 10):
        watcher.offer(prediction(size))
    assert [len((await taken(watcher)).prediction.entity_id) for _ in range(3)] == [600, 300, 10]
    # One that is larger than all the room there is comes alone.
    watcher.offer(prediction(5000))
    watcher.offer(prediction(10))
    assert len((await taken(watcher)).prediction.entity_id) == 5000


async def taken(watcher: Watcher) -> rpc.WatchPredictionsResponse:
    told = await watcher.next()
    assert told is not None
    return told


async def test_what_waits_is_taken_before_the_end() -> None:
    watcher = Watcher(Wanted().passes)
    watcher.offer(prediction())
    watcher.end()
    watcher.offer(prediction())
    assert await watcher.next() is not None
    assert await watcher.next() is None
