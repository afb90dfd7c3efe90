"""Many predictions in one call: each on its own."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.status_pb2 import Status
from turnout.router.v1 import inference_service_pb2 as rpc

from services.foundation.errors import RemoteError
from services.router.execution.items import MOST_ITEMS, Room, Said
from services.state.connection import Connections
from tests.router.conftest import Desk, running_router
from tests.router.execution.acting import DRAWN, NEXT, Log, question, ward
from tests.waiting import eventually


async def batch(desk: Desk, *requests: rpc.PredictRequest, within: float = 30.0) -> Any:
    request = rpc.BatchPredictRequest(requests=requests)
    return (await desk.call("InferenceService/BatchPredict", request, within=within)).items


async def test_one_bad_item_never_harms_the_others(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", ward())
    wrong = question("cancer", request_id="b")
    wrong.input.row["mean radius"] = "wide"
    asked = [
        question("cancer", request_id="a"),
        wrong,
        question("nobody", request_id="c"),
        rpc.PredictRequest(router="cancer"),
        question("cancer", request_id="e", variant="nobody"),
        question("cancer", request_id="f"),
    ]
    items = await batch(desk, *asked)
    first, *wrongs, last = items
    assert [one.status.code for one in items] == [0, 3, 5, 3, 5, 0]
    assert [one.response.request_id for one in items] == ["a", "", "", "", "", "f"]
    assert all(one.response.prediction_id and one.response.manifest.participants for one in (first, last))
    assert items[0].response.prediction_id != items[-1].response.prediction_id
    assert not any(one.HasField("response") for one in wrongs)
    assert all(one.HasField("status") for one in items)
    assert "mean radius" in items[1].status.message
    assert items[2].status.details[0].TypeName() == "google.rpc.ErrorInfo"
    assert len(await log.predictions(2)) == 2


@pytest.mark.parametrize("count", [0, MOST_ITEMS + 1])
async def test_too_few_and_too_many_are_refused(desk: Desk, count: int) -> None:
    with pytest.raises(RemoteError) as caught:
        await batch(desk, *[rpc.PredictRequest()] * count)
    assert (caught.value.code, [one.field for one in caught.value.fields]) == (
        "INVALID_ARGUMENT",
        ["requests"],
    )


async def test_as_many_as_allowed_are_answered_in_their_order(desk: Desk) -> None:
    await desk.deploy("cancer", ward())
    asked = [
        question("cancer", request_id=str(place), manifest_view=rpc.MANIFEST_VIEW_NONE)
        for place in range(MOST_ITEMS)
    ]
    items = await batch(desk, *asked, within=120.0)
    assert [one.response.request_id for one in items] == [str(place) for place in range(MOST_ITEMS)]
    assert not any(one.status.code for one in items)


async def test_items_that_hang_cost_themselves_and_not_the_batch(desk: Desk) -> None:
    await desk.deploy("cancer", ward())
    desk.servers[DRAWN].faults.set("hang")
    asked = [question("cancer"), question("cancer", variant="cancer-stump"), question("cancer")]
    items = await batch(desk, *asked, within=3.0)
    assert [one.status.code for one in items] == [4, 0, 4]
    assert "prediction" in items[0].status.message
    await eventually(lambda: desk.servers[DRAWN].in_flight == 0)


async def test_a_caller_who_leaves_takes_all_items_along(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", ward())
    desk.servers[DRAWN].faults.set("hang")
    asked = [question("cancer")] * 5
    calling = asyncio.ensure_future(batch(desk, *asked))
    await eventually(lambda: desk.servers[DRAWN].in_flight == 5)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    await eventually(lambda: desk.servers[DRAWN].in_flight == 0)
    assert {one.error_code for one in await log.predictions(5)} == {"CANCELLED"}


async def test_answers_that_find_no_room_say_so_and_the_others_come(
    redis_url: str, connections: Connections, tmp_path: Path, log: Log
) -> None:
    async with running_router(redis_url, tmp_path, message_bytes=16 * 1024) as desk:
        await desk.seat(DRAWN, NEXT)
        await desk.deploy("cancer", ward())
        items = await batch(desk, *[question("cancer", request_id="x" * 250) for _ in range(40)])
    codes = [one.status.code for one in items]
    assert sorted(set(codes)) == [0, 8]
    assert 0 < codes.count(0) < 40
    # They were made all the same, and their places say under which name.
    made = {event.manifest.prediction_id for event in await log.predictions(40)}
    for one in items:
        named = one.response.prediction_id or one.status.message.partition("(prediction ")[2][:-1]
        assert named in made
        made.remove(named)
    assert "16384" in next(one.status.message for one in items if one.status.code)


async def test_failures_with_much_to_say_take_no_room_from_the_message(
    redis_url: str, connections: Connections, tmp_path: Path, log: Log
) -> None:
    """Each failure has a manifest among its details; together they would be more than the reply may have."""
    async with running_router(redis_url, tmp_path, message_bytes=16 * 1024) as desk:
        await desk.seat(DRAWN, NEXT)
        await desk.deploy("cancer", ward())
        desk.servers[DRAWN].faults.set("fail")
        items = await batch(desk, *[question("cancer")] * 40)
    assert {one.status.code for one in items} == {14}
    assert all("(prediction " in one.status.message for one in items)
    assert {bool(one.status.details) for one in items} == {True, False}


def test_a_message_holds_no_more_than_it_may_have_whatever_is_offered() -> None:
    limit, count = 1_000_000, MOST_ITEMS
    room = Room(limit, count)
    failed = Status(code=14, message="x" * 900, details=[Packed()] * 50).SerializeToString()
    offered = [Said(b"", b"x" * 150_000), Said(b"", b"x" * 40), Said(failed)]
    held = []
    for place in range(count):
        said = offered[place % 3]
        held.append(room.fit(said) or room.squeeze(Said(failed)))
    assert all(held)
    assert limit - 150_000 < sum(map(len, held)) <= limit
    assert sum(len(one) > 150_000 for one in held) == 4
