"""A service as a process: start, announce, drain, die."""

import asyncio
import json
import os
import signal
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.foundation.client import Client
from tests.foundation.echo import POOL, SERVICE, Words
from tests.foundation.processes import Processes, alive
from tests.waiting import eventually


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    started = Processes(tmp_path)
    yield started
    await started.close()


async def test_sigterm_lets_a_call_in_flight_finish(processes: Processes, tmp_path: Path) -> None:
    """The call being served when SIGTERM comes still gets its answer; then what was registered is flushed."""
    process = await processes.start(notes=tmp_path)
    client = Client((await processes.announced())["address"], pool=POOL)
    held = asyncio.ensure_future(client.unary(SERVICE, "Hold")(Words(text="kept"), timeout=20))
    await eventually((tmp_path / "holding").exists)
    process.terminate()
    assert (await held).text == "kept"
    assert await process.wait() == 0
    assert (tmp_path / "flushed-0").exists()
    assert not (tmp_path / "up" / "echo-0.json").exists()
    await client.close()


async def test_announces_where_it_serves_once_it_is_healthy(processes: Processes) -> None:
    process = await processes.start()
    said = await processes.announced()
    assert said["pid"] == process.pid
    client = Client(said["address"], pool=POOL)
    assert (await client.unary(SERVICE, "Say")(Words(text="hi"), timeout=5)).text == "hi"
    with urllib.request.urlopen(said["metrics"]) as page:  # noqa: S310, ASYNC210 - our own URL, on loopback
        assert b'turnout_rpc_total{code="OK",method="turnout.test.v1.EchoService/Say"} 1.0' in page.read()
    process.terminate()
    assert await process.wait() == 0
    await client.close()


async def test_an_unknown_setting_is_refused_with_the_nearest_name(processes: Processes) -> None:
    process = await processes.start(drain_second=3)
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"TURNOUT_ECHO_DRAIN_SECOND" in said
    assert b"did you mean TURNOUT_ECHO_DRAIN_SECONDS?" in said


async def test_a_failed_start_is_logged_and_ends_the_process(processes: Processes) -> None:
    process = await processes.start(trouble="build")
    _, said = await process.communicate()
    assert process.returncode == 1
    lines = [json.loads(line) for line in said.splitlines()]
    assert any("the store is not there" in line.get("exception", "") for line in lines)


async def test_a_dead_background_task_takes_the_process_down(processes: Processes) -> None:
    process = await processes.start(trouble="background")
    client = Client((await processes.announced())["address"], pool=POOL)
    held = client.unary(SERVICE, "Hold")(Words(), timeout=20)
    assert (await held) == Words()
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"lost the lease" in said
    await client.close()


async def test_a_failed_flush_shows_in_the_exit_code(processes: Processes) -> None:
    process = await processes.start(trouble="flush")
    await processes.announced()
    process.terminate()
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"the disk is full" in said


async def test_sigterm_ends_a_start_that_hangs(processes: Processes) -> None:
    process = await processes.start(trouble="hang")
    assert process.stderr is not None
    await eventually(lambda: _handles(process.pid, signal.SIGTERM))
    process.terminate()
    await process.communicate()
    assert process.returncode == 0


def _handles(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal (SigCgt in proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (number - 1) & 1)


async def test_several_workers_share_one_port(processes: Processes) -> None:
    parent = await processes.start(workers=2)
    first, second = await processes.announced(0), await processes.announced(1)
    assert first["address"] == second["address"]
    assert len({parent.pid, first["pid"], second["pid"]}) == 3
    parent.terminate()
    await parent.communicate()
    assert parent.returncode == 0
    assert not alive(first["pid"])
    assert not alive(second["pid"])


async def test_a_killed_worker_is_started_again(processes: Processes) -> None:
    """kill -9 of a worker: another takes its place on the same port."""
    parent = await processes.start(workers=2)
    first = await processes.announced(0)
    await processes.announced(1)
    os.kill(first["pid"], signal.SIGKILL)
    successor = await processes.announced(0, unlike=first["pid"])
    assert successor["address"] == first["address"]
    client = Client(successor["address"], pool=POOL)
    assert await client.unary(SERVICE, "Raw", raw=True)(b"", timeout=5)
    parent.terminate()
    await parent.communicate()
    assert parent.returncode == 0
    await client.close()


async def test_workers_die_with_their_parent(processes: Processes) -> None:
    """kill -9 of the parent leaves no worker behind."""
    parent = await processes.start(workers=2)
    workers = [(await processes.announced(index))["pid"] for index in (0, 1)]
    parent.kill()
    await parent.wait()
    await eventually(lambda: not any(alive(pid) for pid in workers))


async def test_a_taken_port_is_an_error_at_start(processes: Processes) -> None:
    """Also for several workers: a port shared by accident would lose calls to a stranger."""
    await processes.start()
    port = (await processes.announced())["address"].rsplit(":", 1)[1]
    for workers in (1, 2):
        other = await processes.start(port=port, workers=workers)
        await other.communicate()
        assert other.returncode == 1
