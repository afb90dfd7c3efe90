"""Real model servers for tests: the demo's fleet, in this process or in its own, and scripted ones."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse, ModelMetadataResponse
from turnout.router.v1.model_pb2 import Model

from examples.fleet.catalog import registration
from examples.fleet.classifier import ServedClassifier
from examples.fleet.faults import Faults
from examples.fleet.server import ModelServer
from examples.fleet.training import Classifier, train
from tests.waiting import eventually

Answer = Callable[[ModelInferRequest], Awaitable[ModelInferResponse]]
_trained: Callable[[str], Classifier] = cache(train)


@asynccontextmanager
async def serving(server: ModelServer, port: int = 0) -> AsyncIterator[ModelServer]:
    """Start a server, and stop it without waiting for calls that hang."""
    await server.start(port)
    try:
        yield server
    finally:
        await server.drain(grace=0)


@asynccontextmanager
async def fleet_model(name: str, mode: str = "ok", port: int = 0, **how: Any) -> AsyncIterator[ModelServer]:
    """A model of the fleet in this process, in a mode of `Faults.set`: `server.address`, `server.faults`.

    Register it with `registration(name, server.address)`.
    """
    faults = Faults()
    faults.set(mode, **how)
    async with serving(ModelServer(ServedClassifier(name, faults, _trained(name)), faults), port) as server:
        yield server


class Scripted:
    """A model that answers what a test says."""

    def __init__(self, name: str, answer: Answer) -> None:
        self.name = name
        self._answer = answer

    def metadata(self) -> ModelMetadataResponse:
        return ModelMetadataResponse(name=self.name, platform="scripted")

    async def infer(self, request: ModelInferRequest) -> ModelInferResponse:
        return await self._answer(request)


@asynccontextmanager
async def scripted_model(name: str, answer: Answer) -> AsyncIterator[ModelServer]:
    """A server whose replies come from `answer`."""
    async with serving(ModelServer(Scripted(name, answer), Faults())) as server:
        yield server


@dataclass(frozen=True)
class FleetProcess:
    """A model server in a process of its own."""

    name: str
    pid: int
    address: str
    control: str

    @property
    def model(self) -> Model:
        """Its registration."""
        return registration(self.name, self.address)

    async def tell(self, mode: str, **how: object) -> None:
        """Change its mode, as `Faults.set`."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.control, json={"mode": mode, **how}) as reply,
        ):
            reply.raise_for_status()

    async def ask(self) -> dict[str, Any]:
        """Its mode and counts."""
        async with aiohttp.ClientSession() as session, session.get(self.control) as reply:
            told: dict[str, Any] = await reply.json()
            return told


@asynccontextmanager
async def fleet_process(name: str, directory: Path) -> AsyncIterator[FleetProcess]:
    """Start `python -m examples.fleet serve`; `directory` takes its announcement. It has ended when this
    block has."""
    announcement = directory / f"{name}.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.fleet", "serve", name, "--announce", str(directory)),
        stdout=asyncio.subprocess.DEVNULL,
    )

    def announced() -> bool:
        assert process.returncode is None, f"{name} ended with {process.returncode}"
        return announcement.exists()

    try:
        await eventually(announced, within=60)
        said = json.loads(announcement.read_text())
        yield FleetProcess(name, said["pid"], said["address"], said["control"])
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
