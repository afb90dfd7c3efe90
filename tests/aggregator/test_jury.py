"""Many at once: who is waited for, for how long, and what becomes of the others."""

import asyncio
import doctest
import time
from dataclasses import dataclass, field

import pytest

from services.aggregator import jury
from services.aggregator.jury import Result, hear
from services.models.answer import Answer, Failure

PLENTY, LITTLE = 30.0, 0.05


@dataclass
class Juror:
    """An attempt whose answer the test decides."""

    name: str
    answer: "asyncio.Future[Result]" = field(default_factory=asyncio.Future)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    dismissed: bool = False

    async def run(self) -> Result:
        self.asked.set()
        try:
            return await self.answer
        except asyncio.CancelledError:
            self.dismissed = True
            raise

    def cancelled(self) -> Failure:
        return Failure("CANCELLED", "CANCELLED", "no longer needed", False, 0.0, self.name)

    def says(self) -> None:
        self.answer.set_result(Answer(b"", 0.0, "", "", None, None, None, None, ""))

    def fails(self) -> None:
        self.answer.set_result(Failure("FAILED", "UNAVAILABLE", "gone", True, 0.0, self.name))


def outcomes(results: list[Result]) -> list[str]:
    return ["ANSWERED" if isinstance(result, Answer) else result.kind for result in results]


async def test_all_are_asked_at_once_and_results_keep_their_order() -> None:
    jurors = [Juror(name) for name in "abc"]
    hearing = asyncio.ensure_future(hear(jurors, 2, PLENTY))
    for juror in jurors:
        await juror.asked.wait()
    jurors[2].says()
    jurors[1].fails()
    jurors[0].says()
    assert outcomes(await hearing) == ["ANSWERED", "FAILED", "ANSWERED"]


async def test_a_member_that_hangs_is_cut_off_and_the_others_count() -> None:
    a, b = Juror("a"), Juror("b")
    a.says()
    results = await hear([a, b], 1, LITTLE)
    assert outcomes(results) == ["ANSWERED", "TIMED_OUT"]
    assert isinstance(results[1], Failure)
    assert results[1].code == "DEADLINE_EXCEEDED"
    assert b.dismissed


async def test_an_answer_that_has_arrived_when_the_timer_fires_counts() -> None:
    """The event loop is busy while the answer comes and the time runs out, and then serves the timer before
    the answer has made its way through the layers of a call."""

    class Layered(Juror):
        async def run(self) -> Result:
            transport = asyncio.ensure_future(super().run())
            return await asyncio.shield(asyncio.ensure_future(_passed_on(transport)))

    def busy() -> None:
        end = time.monotonic() + 2 * LITTLE
        while time.monotonic() < end:
            pass
        juror.says()

    juror = Layered("a")
    hearing = asyncio.ensure_future(hear([juror], 1, LITTLE))
    await juror.asked.wait()
    asyncio.get_running_loop().call_soon(busy)
    assert outcomes(await hearing) == ["ANSWERED"]


async def _passed_on(task: "asyncio.Task[Result]") -> Result:
    return await task


async def test_once_the_quorum_is_out_of_reach_nobody_is_waited_for() -> None:
    jurors = [Juror(name) for name in "abc"]
    hearing = asyncio.ensure_future(hear(jurors, 2, PLENTY))
    jurors[0].fails()
    jurors[1].fails()
    assert outcomes(await hearing) == ["FAILED", "FAILED", "CANCELLED"]
    assert jurors[2].dismissed


async def test_nobody_is_asked_when_there_are_fewer_than_the_quorum() -> None:
    juror = Juror("a")
    assert outcomes(await hear([juror], 2, PLENTY)) == ["CANCELLED"]
    assert not juror.asked.is_set()


async def test_a_caller_that_leaves_takes_every_member_along() -> None:
    jurors = [Juror(name) for name in "abc"]
    hearing = asyncio.ensure_future(hear(jurors, 2, PLENTY))
    await jurors[2].asked.wait()
    hearing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hearing
    assert all(juror.dismissed for juror in jurors)


async def test_a_call_that_resists_cancellation_does_not_hold_up_the_reply() -> None:
    released = asyncio.Event()

    class Stubborn(Juror):
        async def run(self) -> Result:
            while not released.is_set():
                try:
                    await released.wait()
                except asyncio.CancelledError:
                    self.dismissed = True
            return self.cancelled()

    stubborn, other = Stubborn("a"), Juror("b")
    other.says()
    assert outcomes(await hear([stubborn, other], 1, LITTLE)) == ["TIMED_OUT", "ANSWERED"]
    assert stubborn.dismissed
    released.set()


async def test_a_defect_in_one_call_leaves_the_others_and_hides_its_text() -> None:
    a, b = Juror("a"), Juror("b")
    a.answer.set_exception(KeyError("a secret"))
    b.says()
    results = await hear([a, b], 1, PLENTY)
    assert outcomes(results) == ["FAILED", "ANSWERED"]
    assert isinstance(results[0], Failure)
    assert results[0].code == "INTERNAL"
    assert "secret" not in results[0].message


def test_the_examples_are_true() -> None:
    result = doctest.testmod(jury)
    assert result.attempted > 0
    assert result.failed == 0
