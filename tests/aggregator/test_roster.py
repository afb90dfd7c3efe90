"""Plans that are kept: read once, and no reason for a model that is gone to stay."""

import gc
import random
import weakref

import pytest
from turnout.aggregator.v1.aggregator_service_pb2 import Member, Plan
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from examples.fleet.catalog import registration
from services.aggregator.compiling import Plans
from services.aggregator.errors import InvalidPlan, ModelsNotFound
from services.aggregator.roster import Roster
from services.foundation.telemetry import Telemetry
from services.models.errors import InputMismatch
from services.models.pool import ModelPool

NOBODY = "127.0.0.1:1"


@pytest.fixture
async def pool() -> ModelPool:
    rng = random.Random(3)
    made = ModelPool(Telemetry(rng=rng), rng)
    made.open(registration("cancer-logistic", NOBODY))
    return made


def plan(*thresholds: float | None, **how: object) -> Plan:
    members = [
        Member(variant=f"v{place}", model="cancer-logistic", threshold=threshold)
        for place, threshold in enumerate(thresholds)
    ]
    return Plan(members=members, ensemble=EnsembleStrategy(**how))  # type: ignore[arg-type]


def allowed(plans: Plans, given: Plan) -> Roster:
    """What a caller gets who may have the plan run."""
    reading = plans.read(given)
    plans.keep(reading)
    return reading.roster


async def test_the_same_plan_is_read_once_and_the_eldest_is_forgotten() -> None:
    plans = Plans(most=2)
    first = allowed(plans, plan(0.5))
    assert allowed(plans, plan(0.5)) is first
    allowed(plans, plan(0.4))
    allowed(plans, plan(0.5))
    allowed(plans, plan(0.3))
    assert len(plans) == 2
    assert allowed(plans, plan(0.5)) is first
    with pytest.raises(InvalidPlan):
        plans.read(Plan())
    assert len(plans) == 2


async def test_an_overridden_handle_is_made_once_per_registration(pool: ModelPool) -> None:
    roster = Plans().read(plan(0.25, None)).roster
    strict, plain = roster.plan.members
    assert roster.handle(strict, pool.get) is roster.handle(strict, pool.get)
    assert roster.handle(plain, pool.get) is pool.get("models/cancer-logistic")
    former = roster.handle(strict, pool.get)
    changed = registration("cancer-logistic", NOBODY)
    changed.cost.per_call = 1.0
    pool.open(changed)
    assert roster.handle(strict, pool.get) is not former


async def test_a_model_that_is_gone_is_not_kept_by_the_plans_that_named_it(pool: ModelPool) -> None:
    roster = Plans().read(plan(0.25, None, sampling={"temperature": 0.5})).roster
    kept = [weakref.ref(roster.handle(member, pool.get)) for member in roster.plan.members]
    pool.forget("models/cancer-logistic")
    gc.collect()
    assert [one() for one in kept] == [None, None]
    with pytest.raises(ModelsNotFound):
        roster.handle(roster.plan.members[0], pool.get)


async def test_what_a_model_cannot_have_is_told_by_the_plans_own_field(pool: ModelPool) -> None:
    given = plan(0.25)
    given.members[0].overrides.system_prompt = "Be kind."
    roster = Plans().read(given).roster
    with pytest.raises(InputMismatch) as refused:
        roster.handle(roster.plan.members[0], pool.get)
    assert [one.field for one in refused.value.fields] == ["plan.members[0].overrides.system_prompt"]
