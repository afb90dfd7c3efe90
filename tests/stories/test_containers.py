"""What containers run and how they are asked for their health, on the suite that is running: the same
programs. `make image` starts each from what the image has."""

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stories.suite import ROOT, Suite

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
SERVICES = ("router", "aggregator", "feedback", "drift", "gateway")


async def code(*words: str) -> int:
    return await (await asyncio.create_subprocess_exec(*words, cwd=ROOT)).wait()


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_runs_what_the_suite_runs(suite: Suite, service: str) -> None:
    running = Path(f"/proc/{suite.ready['pids'][service][0]}/cmdline")
    if not running.exists():
        pytest.skip("no /proc here")
    words = running.read_text().split("\0")
    assert words[words.index("-m") :][:2] == COMPOSE[service]["command"][1:]


async def test_the_health_check_of_every_container_says_that_it_is_well(suite: Suite) -> None:
    checks = [COMPOSE[service]["healthcheck"]["test"][1:-1] for service in SERVICES]
    addresses = [suite.ready[service].removeprefix("http://") for service in SERVICES]
    python = ROOT / ".venv/bin/python"
    assert all(check[0] == "python" for check in checks)
    told = [(str(python), *check[1:], where) for check, where in zip(checks, addresses, strict=True)]
    assert await asyncio.gather(*(code(*words) for words in told)) == [0] * len(SERVICES)


async def test_the_pages_first_questions_are_answered(suite: Suite, tmp_path: Path) -> None:
    """Of docs/how-to/docker.md, at this suite's ports."""
    if not shutil.which("curl"):
        pytest.skip("no curl")
    page = (ROOT / "docs/how-to/docker.md").read_text()
    asked = re.findall(r"^curl (http://127\.0\.0\.1:\d+/\S+)$", page, re.MULTILINE)
    assert len(asked) >= 3
    (metrics, *_) = suite.ready["metrics"]["router"]
    for url in asked:
        here = url.replace("http://127.0.0.1:8080", suite.ready["gateway"])
        here = re.sub(r"http://127\.0\.0\.1:9101/metrics", metrics, here)
        assert await code("curl", "--fail", "--silent", "--output", str(tmp_path / "said"), here) == 0, here
        assert (tmp_path / "said").exists()
