"""The scheduling class: who counts as a crowd, when it is followed, and that the kernel hears of it."""

import asyncio
import math
import os
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.foundation.client import Client
from services.foundation.gate import CROWD, Door, Gate
from services.foundation.scheduling import CALM_SECONDS, LOOK_SECONDS, follow
from services.foundation.tally import Tally
from tests.foundation.echo import POOL, SERVICE, Words
from tests.foundation.processes import Processes
from tests.waiting import eventually

LINUX = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="classes are Linux's")
CALM_LOOKS = math.ceil(CALM_SECONDS / LOOK_SECONDS)


@pytest.fixture
def gate() -> Gate:
    return Gate(100, rng=random.Random(0))


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    started = Processes(tmp_path)
    yield started
    await started.close()


def door(gate: Gate, **options: float) -> Door:
    return Door(gate, Tally(), "turnout.test.v1.EchoService/Say", 100, **options)


async def followed(gate: Gate, crowds: list[bool], choose: Callable[[bool], None]) -> None:
    """Follow the gate for as many looks as there are crowds to see, or not."""
    to_come = iter(crowds)

    async def wait(seconds: float) -> None:
        assert seconds == LOOK_SECONDS
        crowded = next(to_come, None)
        if crowded is None:
            raise asyncio.CancelledError
        gate.crowded = crowded

    await follow(gate, choose, wait)


def test_a_crowd_is_calls_of_one_method(gate: Gate) -> None:
    say, other = door(gate), door(gate)
    for _ in range(CROWD - 1):
        say.enter()
        other.enter()
    assert not gate.crowded
    say.enter()
    assert gate.crowded


def test_streams_are_no_crowd(gate: Gate) -> None:
    watch = door(gate, crowd=math.inf)
    for _ in range(50):
        watch.enter()
    assert not gate.crowded


async def test_batch_with_the_first_crowd_and_ordinary_after_some_calm(gate: Gate) -> None:
    chosen: list[bool] = []
    with pytest.raises(asyncio.CancelledError):
        await followed(
            gate, [False, True, *[False] * (CALM_LOOKS - 1), True, *[False] * CALM_LOOKS], chosen.append
        )
    # A crowd within the calm prolongs it; what is so already is not chosen again.
    assert chosen == [True, False]
    with pytest.raises(asyncio.CancelledError):
        await followed(gate, [True, *[False] * (CALM_LOOKS - 1)], chosen.append)
    assert chosen == [True, False, True]


async def test_a_kernel_that_refuses_is_asked_once(gate: Gate) -> None:
    asked: list[bool] = []

    def refuse(batch: bool) -> None:
        asked.append(batch)
        raise PermissionError("not here")

    await followed(gate, [True, True], refuse)
    assert asked == [True]


@LINUX
async def test_a_kernel_that_does_not_tell_is_left_alone(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int) -> int:
        raise OSError("not implemented")

    monkeypatch.setattr(os, "sched_getscheduler", refuse)
    await follow(gate)


@LINUX
async def test_all_threads_of_a_crowded_process_are_in_the_batch_class(processes: Processes) -> None:
    process = await processes.start()
    client = Client((await processes.announced())["address"], pool=POOL)
    assert set(classes(process.pid)) == {os.SCHED_OTHER}
    say = client.unary(SERVICE, "Hold")
    held = [asyncio.ensure_future(say(Words(), timeout=20)) for _ in range(CROWD)]
    await eventually(lambda: set(classes(process.pid)) == {os.SCHED_BATCH})
    assert len(classes(process.pid)) > 3
    for one in held:
        one.cancel()
    await client.close()
    process.terminate()
    assert await process.wait() == 0


def classes(pid: int) -> list[int]:
    """The scheduling class of each of a process's threads."""
    return [os.sched_getscheduler(int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()]
