"""A drift service with a model that has a baseline and traffic, and the command that asks it."""

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from turnout.router.v1.model_pb2 import Model

from services.drift.baseline_store import BaselineStore
from services.drift.build import servicer_of
from services.drift.result_store import ResultStore
from services.foundation.client import Client
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.ids import new_uid
from services.state.kinds import MODELS
from tests.cli.drift import samples
from tests.cli.drift.typing_in import said, type_in
from tests.cli.terminal import COMMANDS
from tests.drift.conftest import creation
from tests.drift.test_consumer import member
from tests.drift.traffic import append
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
PIPE = asyncio.subprocess.PIPE


class Told(NamedTuple):
    """What a command printed, and how it ended."""

    out: str
    wrong: str
    code: int


class Terminal:
    """A person at a terminal, in a directory of their own, whose environment knows the drift service."""

    def __init__(self, directory: Path, environment: dict[str, str], typed: Path) -> None:
        self.directory = directory
        self.environment = environment
        self._typed = typed

    async def drift(self, *words: str, **environment: str) -> Told:
        """Run `turnout drift` with these words, in a process that has imported it already."""
        told = {**self.environment, **environment}
        process = COMMANDS.Process(target=type_in, args=(words, told, self.directory, self._typed))
        process.start()
        await asyncio.to_thread(process.join)
        return Told(*said(self._typed), process.exitcode or 0)

    async def shell(self, line: str, **environment: str) -> Told:
        """Run a line as it stands."""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", line),
            cwd=self.directory,
            env={**self.environment, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )
        out, wrong = await process.communicate()
        return Told(out.decode(), wrong.decode(), process.returncode or 0)


class Kept(NamedTuple):
    """A model's results in the store."""

    model: Model
    latest: str


@pytest.fixture
async def model(connections: Connections) -> Model:
    """A registered model without a baseline."""
    store = ConfigStore(connections, MODELS, time.time, random.Random(1))
    return (await store.create(Model(name="models/churn"))).message


@pytest.fixture
async def server(connections: Connections) -> AsyncIterator[Server]:
    """A running DriftService."""
    running = Server([servicer_of(connections, time.time, random.Random(2))], Settings())
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def terminal(server: Server, tmp_path: Path) -> Terminal:
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("TURNOUT_", "REDIS_URL"))}
    path = f"{Path(sys.executable).parent}:{ours.get('PATH', '')}"
    told = {"TURNOUT_CLI_DRIFT": server.address, "PYTHONPATH": str(ROOT), "COLUMNS": "160", "PATH": path}
    directory = tmp_path / "home"
    directory.mkdir()
    return Terminal(directory, {**ours, **told}, tmp_path / "typed")


@pytest.fixture
async def compared(server: Server, model: Model) -> Model:
    """The model with a baseline."""
    client = Client(server.address)
    create = client.unary("turnout.drift.v1.DriftService", "CreateBaseline")
    await create(creation(baseline_id="spring", description="customers of March to May"), timeout=20)
    await client.close()
    return model


@pytest.fixture
async def observed(connections: Connections, compared: Model) -> Model:
    """The model with a baseline, and 400 predictions for people twenty years older."""
    await append(connections, 1, 400, age=60.0)
    async with member(connections, "a") as consumer:
        await eventually(lambda: consumer.handled == 1)
    return compared


@pytest.fixture
async def kept(connections: Connections, compared: Model) -> Kept:
    """The model with a baseline, and 25 results of a world that slowly moved."""
    model = compared
    baseline = await BaselineStore(connections).get_active(model.name, model.uid)
    store, rng, now = ResultStore(connections), random.Random(5), time.time()
    latest = ""
    for hours, one in reversed(list(enumerate([samples.telling(), *samples.past(24)]))):
        when = now - 3600 * hours
        latest = one.name = f"{model.name}/results/{new_uid(when, rng)}"
        one.model = model.name
        one.end_time.FromSeconds(int(when))
        one.start_time.FromSeconds(int(when) - 3600)
        one.create_time.FromSeconds(int(when))
        await store.write(model.uid, one, when, baseline.uid)
    return Kept(model, latest)
