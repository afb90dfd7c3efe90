"""Names that pass from one router or model to another, whichever news comes first."""

import random
from collections.abc import AsyncIterator

import pytest
from turnout.feedback.v1.rewards_pb2 import Arm, RewardSnapshot
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import ROUTER_STATE_RUNNING, Router

from examples.fleet.catalog import registration
from services.foundation.metrics import Metrics
from services.foundation.telemetry import Telemetry
from services.models.pool import ModelPool
from services.router.config.defaults import with_defaults
from services.router.deciding.plan import RoutingPlan
from services.router.failures import RouterNotRunning
from services.router.serving.loading import Loader
from services.router.serving.snapshot import Snapshot
from services.state.errors import RouterNotFound
from tests.router.conftest import doctors

FORMER = "018bcfe5-69f4-7000-8591-b7582265b1f5"
LATTER = "018bcfe5-69f4-7000-8591-b7582265b1f6"


class Bay:
    """A loader with what it loads into."""

    def __init__(self) -> None:
        rng = random.Random(8)
        self.pool = ModelPool(Telemetry(rng=rng), rng)
        self.snapshot = Snapshot()
        self.loader = Loader(self.snapshot, self.pool, Metrics(), rng)
        for name in ("cancer-bayes", "cancer-stump"):
            self.loader.model_changed(None, model(name, uid=name))


@pytest.fixture
async def bay() -> AsyncIterator[Bay]:
    made = Bay()
    yield made
    await made.pool.close()


def model(name: str, uid: str, version: str = "") -> Model:
    made = registration(name, "127.0.0.1:9")
    made.uid, made.version = uid, version
    return made


def router(uid: str, **strategy: object) -> Router:
    """The router `cancer`, running, of this uid."""
    made = with_defaults(doctors(**strategy))
    made.name, made.uid, made.generation, made.state = "routers/cancer", uid, 1, ROUTER_STATE_RUNNING
    return made


async def test_the_end_of_a_former_router_does_not_take_the_name_from_the_next(bay: Bay) -> None:
    bay.loader.router_changed(FORMER, router(FORMER))
    bay.loader.router_changed(LATTER, router(LATTER))
    bay.loader.router_changed(FORMER, None)
    assert bay.snapshot.serving("cancer").uid == LATTER
    assert bay.snapshot.generations == {"routers/cancer": 1}
    bay.loader.router_changed(LATTER, None)
    with pytest.raises(RouterNotFound):
        bay.snapshot.serving("cancer")


async def test_a_softly_deleted_router_is_gone_too(bay: Bay) -> None:
    bay.loader.router_changed(FORMER, router(FORMER))
    gone = router(FORMER)
    gone.delete_time.FromSeconds(1)
    bay.loader.router_changed(FORMER, gone)
    with pytest.raises(RouterNotFound):
        bay.snapshot.serving("cancer")


async def test_the_end_of_a_router_that_nobody_knew_is_no_news(bay: Bay) -> None:
    bay.loader.router_changed(LATTER, router(LATTER))
    bay.loader.router_changed(FORMER, None)
    assert bay.snapshot.serving("cancer").uid == LATTER


async def test_the_end_of_a_former_model_does_not_close_the_next_of_its_name(bay: Bay) -> None:
    bay.loader.router_changed(FORMER, router(FORMER))
    latter = model("cancer-bayes", uid="the next one", version="2")
    bay.loader.model_changed(None, latter)
    bay.loader.model_changed(model("cancer-bayes", uid="cancer-bayes"), None)
    assert bay.snapshot.serving("cancer").uid == FORMER
    handle = bay.pool.get("models/cancer-bayes")
    assert handle is not None
    assert handle.version == "2"
    assert bay.snapshot.errors == {}
    assert bay.snapshot.serving("cancer").by_variant["cancer-bayes"].handle is handle


async def test_a_model_that_is_gone_is_let_go_and_the_former_plan_stays(bay: Bay) -> None:
    """What is in use cannot be deleted; if it is gone all the same, what serves goes on and says so."""
    bay.loader.router_changed(FORMER, router(FORMER))
    before = bay.snapshot.serving("cancer")
    bay.loader.model_changed(model("cancer-bayes", uid="cancer-bayes"), None)
    assert bay.pool.get("models/cancer-bayes") is None
    assert bay.snapshot.serving("cancer") is before
    assert "models/cancer-bayes" in bay.snapshot.errors["routers/cancer"]
    bay.loader.model_changed(None, model("cancer-bayes", uid="cancer-bayes"))
    assert bay.snapshot.serving("cancer") is not before
    assert bay.snapshot.errors == {}


async def test_a_router_sleeps_until_it_is_asked_and_again_when_something_of_it_changes(bay: Bay) -> None:
    bay.loader.router_changed(FORMER, router(FORMER))
    assert (bay.snapshot.awake, bay.snapshot.generations) == (0, {"routers/cancer": 1})
    plan = bay.snapshot.serving("cancer")
    assert bay.snapshot.serving("routers/cancer") is plan
    assert bay.snapshot.awake == 1
    bay.loader.model_changed(
        model("cancer-bayes", "cancer-bayes"), model("cancer-bayes", "cancer-bayes", "2")
    )
    assert bay.snapshot.awake == 0
    assert bay.snapshot.serving("cancer").by_variant["cancer-bayes"].handle.version == "2"


async def test_what_is_reported_has_been_tried(bay: Bay) -> None:
    """A change that cannot be served is in the errors by the time that it is reported as taken in; one that
    can, and that nobody asks for, costs no memory."""
    bay.loader.started = True
    bad = router(LATTER)
    bad.name, bad.variants[0].model = "routers/bad", "models/nowhere"
    bay.loader.router_changed(FORMER, router(FORMER))
    bay.loader.router_changed(LATTER, bad)
    await bay.snapshot.prove()
    assert list(bay.snapshot.errors) == ["routers/bad"]
    assert bay.snapshot.awake == 0
    with pytest.raises(RouterNotRunning, match="nowhere"):
        bay.snapshot.serving("bad")
    assert bay.snapshot.serving("cancer").uid == FORMER


async def test_a_defect_that_one_router_brings_out_stays_with_it(bay: Bay) -> None:
    """It would end the background task that proves new plans, and with it the process, again and again."""
    compile_plan = bay.snapshot.compile

    def spoilt(wanted: Router) -> RoutingPlan:
        if wanted.name == "routers/spoilt":
            raise ZeroDivisionError
        return compile_plan(wanted)

    bay.snapshot.compile = spoilt
    other = router(LATTER)
    other.name = "routers/spoilt"
    bay.loader.router_changed(FORMER, router(FORMER))
    bay.loader.router_changed(LATTER, other)
    await bay.snapshot.prove()
    assert bay.snapshot.serving("cancer").uid == FORMER
    with pytest.raises(RouterNotRunning, match="a defect of this version"):
        bay.snapshot.serving("spoilt")


async def test_what_a_former_router_learnt_is_not_the_nexts(bay: Bay) -> None:
    bay.loader.router_changed(FORMER, router(FORMER, bandit={}))
    bay.loader.learnt(rewards(FORMER, 0.9, 0.1))
    learnt = bay.snapshot.serving("cancer")
    bay.loader.router_changed(LATTER, router(LATTER, bandit={}))
    fresh = bay.snapshot.serving("cancer")
    bay.loader.learnt(rewards(FORMER, 0.1, 0.9))
    assert (learnt.uid, fresh.uid) == (FORMER, LATTER)
    assert bay.snapshot.serving("cancer") is fresh
    bay.loader.router_changed(FORMER, None)
    assert bay.snapshot.serving("cancer") is fresh
    assert list(bay.loader.learners()) == [LATTER]


def rewards(uid: str, *shares: float) -> RewardSnapshot:
    """What was learnt of the two doctors."""
    names = ("cancer-bayes", "cancer-stump")
    arms = [Arm(variant=name, probability=share) for name, share in zip(names, shares, strict=True)]
    return RewardSnapshot(router_uid=uid, arms=arms, version=1)
