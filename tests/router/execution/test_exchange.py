"""Many predictions on one stream: tagged, in the order in which they are ready, never too many at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from turnout.router.v1 import inference_service_pb2 as rpc

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.router.execution.exchange import Exchange
from services.router.execution.items import AT_ONCE
from tests.router.conftest import Desk
from tests.router.execution.acting import DRAWN, NEXT, Log, question, ward
from tests.waiting import eventually

SERVICE = "turnout.router.v1.InferenceService"


def tagged(tag: str, router: str = "cancer", **how: str) -> rpc.PredictStreamRequest:
    return rpc.PredictStreamRequest(tag=tag, request=question(router, **how))


class Line:
    """A stream that a test talks through: `ask`, `hang_up`, and `answers`, which come by themselves."""

    def __init__(self, desk: Desk) -> None:
        self.client = Client(desk.address)
        self._asked: asyncio.Queue[rpc.PredictStreamRequest | None] = asyncio.Queue()
        self.taken = 0
        self.answers: list[rpc.PredictStreamResponse] = []
        self.task = asyncio.ensure_future(self._run())

    def ask(self, *questions: rpc.PredictStreamRequest) -> None:
        for one in questions:
            self._asked.put_nowait(one)

    def hang_up(self) -> None:
        self._asked.put_nowait(None)

    @property
    def tags(self) -> list[str]:
        return [one.tag for one in self.answers]

    async def _questions(self) -> AsyncIterator[rpc.PredictStreamRequest]:
        while (one := await self._asked.get()) is not None:
            self.taken += 1
            yield one

    async def _run(self) -> None:
        call = self.client.exchange(SERVICE, "PredictStream")
        async with aclosing(call(self._questions(), timeout=60.0)) as replies:  # type: ignore[type-var]
            async for reply in replies:
                self.answers.append(reply)

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.client.close()


@pytest.fixture
async def line(desk: Desk) -> AsyncIterator[Line]:
    await desk.deploy("cancer", ward())
    opened = Line(desk)
    yield opened
    await opened.close()


async def test_a_question_without_a_tag_is_refused_and_the_stream_goes_on(line: Line) -> None:
    line.ask(tagged(""), tagged("a"))
    line.hang_up()
    await line.task
    by_tag = {one.tag: one for one in line.answers}
    assert {tag: one.status.code for tag, one in by_tag.items()} == {"": 3, "a": 0}
    assert by_tag[""].status.message.startswith("tag: 1 to 256 characters, got 0")
    assert not by_tag[""].HasField("response")


async def test_each_question_is_answered_under_its_tag(line: Line, log: Log) -> None:
    line.ask(tagged("a"), tagged("b", router="nobody"), tagged("c"), tagged("d" * 300))
    line.hang_up()
    await line.task
    by_tag = {one.tag[:1]: one for one in line.answers}
    assert sorted(by_tag) == ["a", "b", "c", "d"]
    assert {tag: one.status.code for tag, one in by_tag.items()} == {"a": 0, "b": 5, "c": 0, "d": 3}
    assert by_tag["a"].response.prediction_id != by_tag["c"].response.prediction_id
    assert all(one.HasField("status") for one in line.answers)
    assert len(await log.predictions(2)) == 2


async def test_a_slow_answer_holds_nobody_up(desk: Desk, line: Line) -> None:
    desk.servers[DRAWN].faults.set("hang")
    line.ask(tagged("slow"), tagged("quick", variant=NEXT))
    await eventually(lambda: line.tags == ["quick"])
    desk.servers[DRAWN].faults.set("ok")
    await eventually(lambda: line.tags == ["quick", "slow"])


async def test_no_more_are_read_than_there_is_room_for(desk: Desk, line: Line) -> None:
    desk.servers[DRAWN].faults.set("hang")
    line.ask(*[tagged(str(place)) for place in range(2 * AT_ONCE)])
    await eventually(lambda: desk.servers[DRAWN].in_flight == AT_ONCE)
    # What is not read stays in line: were it read, it would be in flight now, as nothing else bounds that.
    line.ask(tagged("last", variant=NEXT))
    desk.servers[DRAWN].faults.set("ok")
    await eventually(lambda: len(line.answers) == 2 * AT_ONCE + 1)
    assert not any(one.status.code for one in line.answers)
    assert desk.servers[DRAWN].calls == 2 * AT_ONCE


async def test_a_client_that_leaves_cancels_what_is_in_flight_and_all_of_it_is_logged(
    desk: Desk, line: Line, log: Log
) -> None:
    desk.servers[DRAWN].faults.set("hang")
    line.ask(*[tagged(str(place)) for place in range(5)])
    await eventually(lambda: desk.servers[DRAWN].in_flight == 5)
    line.task.cancel()
    await eventually(lambda: desk.servers[DRAWN].in_flight == 0)
    assert {one.error_code for one in await log.predictions(5)} == {"CANCELLED"}
    await eventually(lambda: desk.servers[DRAWN].cancelled == 5)


async def test_the_end_of_a_replica_answers_what_it_read_and_says_why_it_stops(
    desk: Desk, line: Line
) -> None:
    desk.servers[DRAWN].faults.set("hang")
    line.ask(tagged("a"))
    await eventually(lambda: desk.servers[DRAWN].in_flight == 1)
    desk.runtime.stop()
    desk.servers[DRAWN].faults.set("ok")
    with pytest.raises(RemoteError) as caught:
        await line.task
    assert caught.value.code == "UNAVAILABLE"
    assert caught.value.retry_after is not None
    assert [(one.tag, one.status.code) for one in line.answers] == [("a", 0)]


async def test_at_most_so_many_are_read_whose_answers_nobody_takes() -> None:
    read = 0

    async def questions() -> AsyncIterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    async def answer(asked: int) -> bytes:
        return str(asked).encode()

    exchange = Exchange(answer, at_once=4)
    async with aclosing(exchange.run(questions())) as replies:
        taken = [await anext(replies) for _ in range(3)]
        # The third is still being written; five of the six that were read are in line or in flight.
        for _ in range(100):
            await asyncio.sleep(0)
        assert read <= len(taken) + 4
    assert sorted(map(int, taken)) == [1, 2, 3]


async def test_what_reading_meets_with_ends_the_stream_after_its_answers() -> None:
    async def questions() -> AsyncIterator[int]:
        yield 1
        raise ValueError("broken")

    async def answer(asked: int) -> bytes:
        await asyncio.sleep(0)
        return str(asked).encode()

    replies = Exchange(answer, at_once=4).run(questions())
    assert await anext(replies) == b"1"
    with pytest.raises(ValueError, match="broken"):
        await anext(replies)
