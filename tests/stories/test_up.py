"""`turnout up` from its ready file to its end, however it ends."""

import asyncio
import os
import random
import signal
from pathlib import Path
from urllib.parse import urlsplit

from redis.asyncio import Redis

from services.cli.ports import HOST, FreePorts, taken
from services.cli.seats import GATEWAY, SETTINGS
from tests.stories.suite import Suite, living, starting
from tests.waiting import eventually


def ports(suite: Suite) -> list[int]:
    """Every port that the ready file names."""
    ready = suite.ready
    pages = [urlsplit(page).port for pages in ready["metrics"].values() for page in pages]
    services = [int(ready[service].rsplit(":", 1)[1]) for service in SETTINGS]
    urls = [urlsplit(ready[name]).port for name in ("gateway", "redis")]
    return [port for port in (*services, *pages, *urls) if port]


def own_ports() -> dict[str, str]:
    """Ports as a user would set them, that no other suite on this machine uses."""
    free = FreePorts(random.Random())
    return {
        f"TURNOUT_{name.upper()}_{key}": str(free.take())
        for name in (*SETTINGS, GATEWAY)
        for key in ("PORT", "METRICS_PORT")
    }


async def test_a_killed_supervisor_takes_all_with_it_and_the_next_one_heals_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    """Each start of a suite costs seconds of CPU: the second one also shows what a ready file tells, and that
    SIGTERM leaves nothing."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    async with starting(tmp_path, "--ephemeral", TMPDIR=str(temporary)) as suite:
        await suite.until_ready()
        pids = suite.pids()
        suite.process.kill()
        await suite.process.wait()
        await eventually(lambda: not living(pids), within=30)
        assert len(list(temporary.iterdir())) == 1
    (tmp_path / "ready.json").unlink()
    async with starting(tmp_path, "--ephemeral", TMPDIR=str(temporary)) as suite:
        await suite.until_ready()
        assert set(suite.ready) >= {*SETTINGS, "gateway", "redis", "metrics", "models"}
        assert all(taken(HOST, port) for port in ports(suite))
        assert len(list(temporary.iterdir())) == 1
        pids, listening = suite.pids(), ports(suite)
        suite.process.send_signal(signal.SIGTERM)
        assert await suite.process.wait() == 0, suite.said
        assert living(pids) == []
        assert not any(taken(HOST, port) for port in listening)
        assert list(temporary.iterdir()) == []
        assert not suite.ready_file.exists()


async def test_data_are_kept_from_run_to_run_and_a_dead_service_comes_back(tmp_path: Path) -> None:
    environment = own_ports()
    async with starting(tmp_path, **environment) as suite:
        await suite.until_ready()
        assert suite.ready["router"] == f"127.0.0.1:{environment['TURNOUT_ROUTER_PORT']}"
        async with Redis.from_url(suite.ready["redis"], protocol=2) as redis:
            await redis.set("kept", "yes")
        drift = suite.ready["pids"]["drift"]
        os.kill(drift[0], signal.SIGKILL)
        await eventually(lambda: suite.ready["pids"].get("drift", drift) != drift, within=60)
        assert "drift was ended by SIGKILL; it is started again" in suite.said
        suite.process.kill()
        await suite.process.wait()
    (tmp_path / "ready.json").unlink()
    # At once: what is left of the first run still drains, and holds its ports.
    async with starting(tmp_path, **environment, TURNOUT_CLI_WITH_GATEWAY="false") as suite:
        await suite.until_ready()
        async with Redis.from_url(suite.ready["redis"], protocol=2) as redis:
            assert await redis.get("kept") == b"yes"
        assert "gateway" not in suite.ready
        assert "no gateway, so no REST: TURNOUT_CLI_WITH_GATEWAY is false" in suite.said


async def test_a_service_that_cannot_start_ends_the_start_with_its_last_words(tmp_path: Path) -> None:
    async with starting(
        tmp_path, "--ephemeral", TURNOUT_DRIFT_HOST="192.0.2.1", TURNOUT_DRIFT_EXPOSE="true"
    ) as suite:
        assert await suite.process.wait() == 1
        assert "drift ended with exit code 1 while it started" in suite.said


async def test_ctrl_c_during_the_start_ends_it(tmp_path: Path) -> None:
    async with starting(tmp_path, "--ephemeral", TMPDIR=str(tmp_path)) as suite:
        await eventually(lambda: list(tmp_path.glob("turnout-*/logs/router.log")), within=60)
        suite.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            assert await suite.process.wait() == 0
        assert "waiting for router" in suite.said
        assert "Turnout is up" not in suite.said
        assert not suite.ready_file.exists()
        assert not list(tmp_path.glob("turnout-*"))  # noqa: ASYNC240
