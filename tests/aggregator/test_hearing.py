"""Many at once: who is waited for, for how long, and what becomes of the others."""

import asyncio
import doctest
import time
from dataclasses import dataclass, field

import pytest

from services.aggregator import hearing
from services.aggregator.hearing import Hearing

PLENTY, LITTLE = 30.0, 0.05


@dataclass
class Juror:
    """A call whose end the test decides."""

    answer: "asyncio.Future[str]" = field(default_factory=asyncio.Future)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    heard: str = ""
    dismissed: bool = False

    async def run(self) -> bool:
        self.asked.set()
        try:
            self.heard = await self.answer
        except asyncio.CancelledError:
            self.dismissed = True
            raise
        return bool(self.heard)


async def listen(jurors: list[Juror], seconds: float, enough: int) -> Hearing:
    """Until so many have been heard, or the time is up."""
    async with Hearing() as found:
        for juror in jurors:
            found.start(juror.run(), seconds)
        while found.busy and sum(bool(juror.heard) for juror in jurors) < enough and await found.wait():
            pass
    return found


async def test_all_run_at_once_and_the_hearing_ends_with_the_last() -> None:
    jurors = [Juror() for _ in "abc"]
    listening = asyncio.ensure_future(listen(jurors, PLENTY, 3))
    for juror in jurors:
        await juror.asked.wait()
    for juror in reversed(jurors):
        juror.answer.set_result("yes")
    assert not (await listening).late
    assert [juror.heard for juror in jurors] == ["yes"] * 3


async def test_a_patient_hearing_is_woken_by_who_has_no_answer_and_by_the_last() -> None:
    jurors, heard = [Juror() for _ in "abcd"], list[list[str]]()
    woken = asyncio.Event()

    async def wait() -> None:
        async with Hearing(patient=True) as found:
            for juror in jurors:
                found.start(juror.run(), PLENTY)
            while found.busy and await found.wait():
                heard.append([juror.heard for juror in jurors])
                woken.set()

    waiting = asyncio.ensure_future(wait())
    for juror in jurors:
        await juror.asked.wait()
    jurors[0].answer.set_result("yes")
    # Long enough for it to be told, if it were.
    for _ in range(10):
        await asyncio.sleep(0)
    jurors[1].answer.set_result("")
    await woken.wait()
    jurors[2].answer.set_result("yes")
    jurors[3].answer.set_result("no")
    await waiting
    assert heard == [["yes", "", "", ""], ["yes", "", "yes", "no"]]


async def test_who_answered_in_time_counts_where_the_time_ends_a_patient_hearing() -> None:
    quick, slow = Juror(), Juror()
    quick.answer.set_result("yes")
    async with Hearing(patient=True) as found:
        for juror in (quick, slow):
            found.start(juror.run(), LITTLE)
        while await found.wait():
            pass
    assert (found.late, quick.heard, slow.dismissed) == (True, "yes", True)


async def test_who_hangs_is_cut_off_and_the_others_were_heard() -> None:
    quick, slow = Juror(), Juror()
    quick.answer.set_result("yes")
    assert (await listen([quick, slow], LITTLE, 2)).late
    assert quick.heard == "yes"
    assert slow.dismissed


async def test_what_is_not_needed_any_more_is_cancelled() -> None:
    quick, slow = Juror(), Juror()
    quick.answer.set_result("yes")
    assert not (await listen([quick, slow], PLENTY, 1)).late
    assert slow.dismissed


async def test_an_answer_that_has_arrived_when_the_timer_fires_counts() -> None:
    """The event loop is busy while the answer comes and the time runs out, and then serves the timer before
    the answer has made its way through the layers of a call."""

    class Layered(Juror):
        async def run(self) -> bool:
            transport = asyncio.ensure_future(super().run())
            return await asyncio.shield(asyncio.ensure_future(_passed_on(transport)))

    def busy() -> None:
        end = time.monotonic() + 2 * LITTLE
        while time.monotonic() < end:
            pass
        juror.answer.set_result("yes")

    juror = Layered()
    listening = asyncio.ensure_future(listen([juror], LITTLE, 1))
    await juror.asked.wait()
    asyncio.get_running_loop().call_soon(busy)
    await listening
    assert juror.heard == "yes"


async def _passed_on(task: "asyncio.Task[bool]") -> bool:
    return await task


async def test_a_caller_that_leaves_takes_every_call_along() -> None:
    jurors = [Juror() for _ in "abc"]
    listening = asyncio.ensure_future(listen(jurors, PLENTY, 3))
    await jurors[2].asked.wait()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert all(juror.dismissed for juror in jurors)


async def test_a_call_that_resists_cancellation_does_not_hold_up_the_reply() -> None:
    released = asyncio.Event()

    class Stubborn(Juror):
        async def run(self) -> bool:
            while not released.is_set():
                try:
                    await released.wait()
                except asyncio.CancelledError:
                    self.dismissed = True
            return False

    stubborn, other = Stubborn(), Juror()
    other.answer.set_result("yes")
    assert (await listen([stubborn, other], LITTLE, 2)).late
    assert stubborn.dismissed
    assert other.heard == "yes"
    released.set()


async def test_a_defect_is_not_swallowed() -> None:
    juror = Juror()
    juror.answer.set_exception(KeyError("a defect"))
    with pytest.raises(KeyError):
        await listen([juror], PLENTY, 1)


def test_the_examples_are_true() -> None:
    result = doctest.testmod(hearing)
    assert result.attempted > 0
    assert result.failed == 0
