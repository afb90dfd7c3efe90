"""A router that is killed in the middle of a canary's transition: it happened once, or it happens then.

Only in `make chaos`: before and after each command that it sends to Redis about the router, one step each.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1.router_pb2 import Router

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.state.connection import connect
from services.state.embedded import EmbeddedRedis
from tests.chaos.processes import Process
from tests.chaos.wire import Strike, Wire
from tests.feedback.canary.stage import CRITERIA, Stage
from tests.feedback.conftest import Setting, opened
from tests.router.conftest import Desk
from tests.state.background import running
from tests.waiting import eventually

LONG = os.environ.get("CHAOS") == "long"
STEPS = [{"percentage": 5.0 * place} for place in range(1, 20)]
# What it reads, reserves, writes and tells of a transition.
COMMANDS = 4


class FarDesk(Desk):
    """The methods of a router in another process."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = Client(address)


class Scene:
    """Feedback here, in simulated time; its router in a process of its own, behind a wire."""

    def __init__(self, stage: Stage, router: Process, wire: Wire) -> None:
        self.stage = stage
        self.router = router
        self.wire = wire

    async def stored(self) -> Router:
        """The router as it is kept, whoever lives."""
        return await self.stage.setting.routers.read("routers/trial")

    async def look(self) -> None:
        """What feedback does every half second."""
        parts = self.stage.setting.parts
        await parts.follower.reconcile()
        await parts.canary.controller.round()

    async def stepped(self, generation: int) -> bool:
        """Whether the transition is made, and there for everybody to see, after another look."""
        await self.look()
        made = (await self.stage.events()).events
        return (await self.stored()).generation == generation and made[0].generation == generation

    async def share(self) -> float:
        """What the router gives the canary."""
        reply = await self.stage.desk.call(
            "InferenceService/Explain", inference.ExplainRequest(router="trial")
        )
        return float({one.variant: one.probability for one in reply.decision.candidates}["b"])


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with EmbeddedRedis(tmp_path / "redis", fsync="always") as redis, connect(redis.url) as connections:
        wire = Wire(redis.port)
        await wire.start()
        router = Process("router", tmp_path, REDIS_URL=wire.url, SPOOL_DIR=str(tmp_path / "spool"))
        await router.start()
        setting, desk = Setting(connections, router=router.address), FarDesk(router.address)
        works = setting.parts.works
        async with opened(setting), running(works["draws"](), works["truths"]()):
            yield Scene(Stage(desk, setting), router, wire)
        await desk.close()
        await router.kill()
        await wire.stop()


@pytest.mark.skipif(not LONG, reason="a router's process starts anew at each strike: make chaos")
async def test_a_step_happens_once_wherever_its_router_dies(scene: Scene) -> None:
    await scene.stage.open(promotion_criteria=CRITERIA, steps=STEPS)
    struck: list[int] = []
    for number in range(1, len(STEPS) // 2):
        came = [await one_step(scene, number, after=after) for after in (False, True)]
        if not any(came):
            break
        struck += [number] * sum(came)
    assert struck[: 2 * COMMANDS] == sorted([*range(1, COMMANDS + 1)] * 2)
    made = list(reversed((await scene.stage.events()).events))
    assert [one.kind for one in made] == ["START", *["STEP"] * (len(made) - 1)]
    assert [one.to_percentage for one in made[1:]] == [step["percentage"] for step in STEPS[1 : len(made)]]
    assert [one.generation for one in made] == list(range(1, len(made) + 1))


async def one_step(scene: Scene, number: int, *, after: bool) -> bool:
    """Play until a step is due, and strike the router while it makes it. Whether it came to that."""
    before = await scene.stored()
    await scene.stage.play(0.5, 0.95)
    strike = Strike(before.uid.encode(), number, after, scene.router.kill)
    scene.wire.strike = strike

    async def asked() -> bool:
        await scene.look()
        return strike.struck.is_set() or (await scene.stored()).generation > before.generation

    await eventually(asked, within=60)
    scene.wire.strike = None
    came = strike.struck.is_set()
    if came:
        # It may be on its way down still.
        await scene.router.kill()
        left = await scene.stored()
        steps = left.generation - before.generation
        assert steps in (0, 1)
        assert left.canary.canary_percentage == before.canary.canary_percentage + 5 * steps
        last = left.canary.trial.transitions[-1]
        assert (last.generation, last.to_percentage) == (left.generation, left.canary.canary_percentage)
        await scene.router.start()
    await eventually(lambda: scene.stepped(before.generation + 1), within=60)
    wanted = before.canary.canary_percentage + 5

    async def drawn() -> bool:
        try:
            return await scene.share() == pytest.approx(wanted / 100)
        except RemoteError:
            return False  # it has not loaded its routers yet

    await eventually(drawn, within=30)
    return came
