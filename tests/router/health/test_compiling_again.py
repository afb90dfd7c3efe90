"""Plans follow health soon, once for changes that come together, and without holding up the loop."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import ROUTER_STATE_RUNNING, ROUTER_STATE_STOPPED, Router

from examples.fleet.catalog import registration
from services.foundation.metrics import Metrics
from services.foundation.telemetry import Telemetry
from services.models.pool import ModelPool
from services.router.config.defaults import with_defaults
from services.router.config.health import rules_of
from services.router.health.board import HealthBoard
from services.router.health.opening import introduce
from services.router.loading import Loader
from services.router.plan import RoutingPlan
from services.router.snapshot import Snapshot
from tests.router.conftest import doctors
from tests.waiting import eventually

BAYES, STUMP = "models/cancer-bayes", "models/cancer-stump"


class Counting(Snapshot):
    """A snapshot that counts what is loaded into it."""

    def __init__(self) -> None:
        super().__init__()
        self.served: list[str] = []

    def serve(self, plan: RoutingPlan) -> None:
        self.served.append(plan.name)
        super().serve(plan)


class Bay:
    """A loader and a board that know each other."""

    def __init__(self) -> None:
        rng, metrics = random.Random(8), Metrics()
        self.pool = ModelPool(Telemetry(rng=rng), rng)
        self.snapshot = Counting()
        self.board = HealthBoard(metrics)
        self.loader = Loader(self.snapshot, self.pool, metrics, rng, lambda: self.board.view)
        introduce(self.board, self.loader)
        for name in (BAYES, STUMP):
            model = self.model(name)
            self.board.hold(name, model.uid, rules_of(model))
            self.loader.model_changed(None, model)

    def model(self, name: str) -> Model:
        made = registration(name.removeprefix("models/"), "127.0.0.1:9")
        made.uid = f"uid of {name}"
        return made

    def load(self, name: str, state: int = ROUTER_STATE_RUNNING) -> Router:
        made = with_defaults(doctors())
        made.name, made.uid, made.generation = f"routers/{name}", f"uid of {name}", 1
        made.state = state  # type: ignore[assignment]  # an enum's value
        self.loader.router_changed(made.uid, made)
        return made


@pytest.fixture
async def bay() -> AsyncIterator[Bay]:
    made = Bay()
    yield made
    await made.pool.close()


def eject(bay: Bay, *models: str) -> None:
    for model in models:
        for _ in range(5):
            bay.board.note(model, False, 0.1)


async def test_changes_that_come_together_are_compiled_once(bay: Bay) -> None:
    bay.load("one")
    bay.snapshot.served.clear()
    eject(bay, BAYES, STUMP)
    await asyncio.sleep(0)
    assert bay.snapshot.served == ["routers/one"]
    assert bay.board.version == 2


async def test_only_routers_of_the_model_are_compiled(bay: Bay) -> None:
    bay.load("one")
    other = Router()
    other.CopyFrom(bay.load("other"))
    del other.variants[:]
    other.variants.extend(
        with_defaults(Router(variants=[{"model": STUMP}, {"id": "again", "model": STUMP}])).variants
    )
    bay.loader.router_changed(other.uid, other)
    bay.snapshot.served.clear()
    eject(bay, BAYES)
    await asyncio.sleep(0)
    assert bay.snapshot.served == ["routers/one"]


async def test_many_routers_are_compiled_in_slices(bay: Bay) -> None:
    names = [f"r{number}" for number in range(300)]
    for name in names:
        bay.load(name)
    bay.snapshot.served.clear()
    eject(bay, BAYES)
    await asyncio.sleep(0)
    assert 0 < len(bay.snapshot.served) < len(names)
    await eventually(lambda: len(bay.snapshot.served) == len(names))
    assert sorted(bay.snapshot.served) == sorted(f"routers/{name}" for name in names)


async def test_a_router_that_went_meanwhile_is_not_compiled(bay: Bay) -> None:
    bay.load("one")
    bay.load("other")
    bay.snapshot.served.clear()
    eject(bay, BAYES)
    bay.loader.router_changed("uid of one", None)
    await asyncio.sleep(0)
    assert bay.snapshot.served == ["routers/other"]


async def test_peers_are_who_serves_in_the_same_routers_and_serving_is_being_deployed(bay: Bay) -> None:
    assert (set(bay.loader.peers(BAYES)), bay.loader.serves(BAYES)) == (set(), False)
    bay.load("one", ROUTER_STATE_STOPPED)
    assert (set(bay.loader.peers(BAYES)), bay.loader.serves(BAYES)) == ({STUMP}, False)
    bay.load("one")
    assert bay.loader.serves(BAYES)
    bay.loader.router_changed("uid of one", None)
    assert (set(bay.loader.peers(BAYES)), bay.loader.serves(BAYES)) == (set(), False)
