"""Plans follow health soon, once for changes that come together, and without holding up the loop."""

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
from services.router.deciding.plan import RoutingPlan
from services.router.health.board import HealthBoard
from services.router.health.opening import introduce
from services.router.serving.loading import Loader
from services.router.serving.snapshot import Snapshot
from tests.router.conftest import doctors
from tests.waiting import eventually

BAYES, STUMP = "models/cancer-bayes", "models/cancer-stump"


class Bay:
    """A loader and a board that know each other."""

    def __init__(self) -> None:
        rng, metrics = random.Random(8), Metrics()
        self.pool = ModelPool(Telemetry(rng=rng), rng)
        self.snapshot = Snapshot()
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


def served(bay: Bay, *names: str) -> list[RoutingPlan]:
    """The plans of routers that are asked now."""
    return [bay.snapshot.serving(name) for name in names]


async def test_changes_that_come_together_are_compiled_once(bay: Bay) -> None:
    bay.load("one")
    before = served(bay, "one")
    eject(bay, BAYES, STUMP)
    assert bay.snapshot.awake == 0
    after = served(bay, "one")
    assert bay.board.version == 2
    assert after != before
    assert served(bay, "one") == after


async def test_only_routers_of_the_model_are_compiled(bay: Bay) -> None:
    bay.load("one")
    other = Router()
    other.CopyFrom(bay.load("other"))
    del other.variants[:]
    other.variants.extend(
        with_defaults(Router(variants=[{"model": STUMP}, {"id": "again", "model": STUMP}])).variants
    )
    bay.loader.router_changed(other.uid, other)
    one, same = served(bay, "one", "other")
    eject(bay, BAYES)
    assert bay.snapshot.awake == 1
    assert served(bay, "other") == [same]
    assert served(bay, "one") != [one]


async def test_many_routers_are_outdated_in_slices(bay: Bay) -> None:
    names = [f"r{number}" for number in range(3_000)]
    for name in names:
        bay.load(name)
    before = served(bay, *names)
    eject(bay, BAYES)
    # The rest is being told: what is left of its slice is the others' turn.
    assert 0 < bay.snapshot.awake < len(names)
    await eventually(lambda: bay.snapshot.awake == 0)
    assert not set(map(id, served(bay, *names[:50]))) & set(map(id, before))


async def test_a_router_that_went_meanwhile_is_not_compiled(bay: Bay) -> None:
    bay.load("one")
    served(bay, "one")
    eject(bay, BAYES)
    bay.loader.router_changed("uid of one", None)
    await bay.snapshot.prove()
    assert (bay.snapshot.awake, bay.snapshot.generations) == (0, {})


async def test_peers_are_who_serves_in_the_same_routers_and_serving_is_being_deployed(bay: Bay) -> None:
    assert (set(bay.loader.peers(BAYES)), bay.loader.serves(BAYES)) == (set(), False)
    bay.load("one", ROUTER_STATE_STOPPED)
    assert (set(bay.loader.peers(BAYES)), bay.loader.serves(BAYES)) == ({STUMP}, False)
    bay.load("one")
    assert bay.loader.serves(BAYES)
    bay.loader.router_changed("uid of one", None)
    assert (set(bay.loader.peers(BAYES)), bay.loader.serves(BAYES)) == (set(), False)
