"""Model servers of one fleet live and die as processes of their own, though one has loaded for all."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from tests.waiting import eventually


async def serving(*told: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.fleet", "serve", *told),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def test_one_that_is_killed_comes_back_where_it_was_and_the_others_do_not_notice(
    tmp_path: Path,
) -> None:
    def said(name: str) -> dict[str, Any]:
        path = tmp_path / f"{name}.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    fleet = await serving(f"cancer-stump:{port}", "cancer-bayes", "--announce", str(tmp_path))
    await eventually(lambda: said("cancer-stump") and said("cancer-bayes"), within=60)
    stump, bayes = said("cancer-stump"), said("cancer-bayes")
    assert len({stump["pid"], bayes["pid"], fleet.pid}) == 3
    os.kill(stump["pid"], signal.SIGKILL)
    await eventually(lambda: said("cancer-stump")["pid"] != stump["pid"], within=60)
    assert said("cancer-stump")["address"] == stump["address"] == f"127.0.0.1:{port}"
    assert said("cancer-bayes") == bayes
    fleet.terminate()
    words = (await fleet.communicate())[0].decode()
    assert "cancer-stump was ended by SIGKILL; it is started again" in words
    assert fleet.returncode == 0
    assert not said("cancer-stump")
    assert not said("cancer-bayes")


async def test_one_that_cannot_serve_ends_the_fleet_and_says_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        fleet = await serving(f"cancer-stump:{port}", "cancer-bayes", "--announce", str(tmp_path))
        words = (await fleet.communicate())[0].decode()
    assert fleet.returncode == 1
    assert f"127.0.0.1:{port}" in words
    assert "cancer-stump ended with exit code 1, and so does the fleet" in words


async def test_a_model_that_nobody_knows_is_refused() -> None:
    fleet = await serving("cancer-stumpf")
    words = (await fleet.communicate())[0].decode()
    assert fleet.returncode == 2
    assert "expected, got 'cancer-stumpf'" in words
